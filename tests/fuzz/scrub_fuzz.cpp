// Upstream's bytes: what is made of them keeps the question, holds only names of its chain, has its TTLs
// where it says and rdata that is what its types say, and when ldns could read what came in, it reads what
// comes out. That last does not hold for types whose rdata is copied as it is: ldns reads a name in them
// beyond the rdata's end.
#include "resolver/base/text.h"
#include "resolver/dns/rdata_check.h"
#include "resolver/dns/records.h"
#include "resolver/dns/scrub.h"
#include "tests/fuzz/second_reader.h"

using namespace cenote;

namespace {

bool copies_rdata(Bytes message) {
  constexpr std::array kTakenApart{rrtype::kA,   rrtype::kAaaa, rrtype::kNs, rrtype::kCname, rrtype::kDname,
                                   rrtype::kPtr, rrtype::kSoa,  rrtype::kMx, rrtype::kSrv,   rrtype::kNaptr};
  RecordReader reader(message);
  RecordView record;
  while (reader.next(record)) {
    if (std::find(kTakenApart.begin(), kTakenApart.end(), record.type) == kTakenApart.end()) {
      return true;
    }
  }
  return false;
}

void check_records(Bytes message, const std::vector<uint16_t>& ttl_offsets) {
  RecordReader reader(message);
  RecordView record;
  std::vector<Name> chain{reader.question_name()};
  while (reader.next(record)) {
    Name target;
    if (record.type == rrtype::kCname && read_rdata_name(message, record, 0, target)) {
      chain.push_back(target);
    }
  }
  require(reader.ok() && record.end() <= message.size());
  RecordReader again(message);
  size_t index = 0;
  while (again.next(record)) {
    require(index < ttl_offsets.size() && ttl_offsets[index++] == record.ttl_offset);
    require(record.klass == kClassIn && record.section != Section::kAdditional &&
            record.type != rrtype::kOpt);
    require(is_well_formed(record.type, message, record.rdata_offset, record.rdata_size));
    const bool above = record.type == rrtype::kDname || record.type == rrtype::kRrsig;
    const bool belongs = std::any_of(chain.begin(), chain.end(), [&](const Name& name) {
      return above || record.section == Section::kAuthority ? name.is_at_or_below(record.owner)
                                                            : name == record.owner;
    });
    const bool proof =
        record.type == rrtype::kNsec || record.type == rrtype::kNsec3 || record.type == rrtype::kRrsig;
    require(belongs || (proof && record.section == Section::kAuthority));
  }
  require(index == ttl_offsets.size());
}

// It goes to clients, who may show it as it is.
void check_error(const UpstreamError& error) {
  require(error.text.starts_with("upstream") && error.text.size() <= kMaxUpstreamErrorText);
  require(error.text == printable(error.text, kMaxUpstreamErrorText));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 1) {
    return 0;
  }
  const bool dnssec_ok = (bytes[0] & 1) != 0;
  const Bytes message(bytes + 1, std::min(size - 1, kMaxMessageBytes));
  ScrubbedResponse out;
  if (scrub_response(message, dnssec_ok, out) != ScrubStatus::kOk) {
    return 0;
  }
  require(out.message.size() <= kMaxMessageBytes);
  const RecordReader before(message);
  const RecordReader after(out.message);
  require(after.ok() && after.question_name() == before.question_name() &&
          after.question_type() == before.question_type());
  check_records(out.message, out.ttl_offsets);
  if (out.error) {
    check_error(*out.error);
  }
  if (!copies_rdata(out.message) && ldns_reads(message)) {
    require(ldns_reads(out.message));
  }
  return 0;
}
