// Rdata of any type: what is well-formed is kept, comes out well-formed, and ldns reads it. The first two
// bytes are the type, the rest is the rdata.
#include "resolver/dns/rdata_check.h"
#include "resolver/dns/records.h"
#include "resolver/dns/scrub.h"
#include "tests/fuzz/second_reader.h"

using namespace cenote;

namespace {

std::vector<uint8_t> message_with(uint16_t type, Bytes rdata) {
  std::vector<uint8_t> message(kMaxMessageBytes);
  ByteWriter writer(message);
  for (const unsigned field : {0U, 0x8180U, 1U, 1U, 0U, 0U}) {
    writer.u16(static_cast<uint16_t>(field));
  }
  writer.text({"\1a\4test\0", 8});
  writer.u16(type);
  writer.u16(kClassIn);
  writer.u16(0xC000 | kHeaderBytes);
  writer.u16(type);
  writer.u16(kClassIn);
  writer.u32(60);
  writer.u16(static_cast<uint16_t>(rdata.size()));
  writer.bytes(rdata);
  message.resize(writer.size());
  return message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  constexpr size_t kMostRdata = 16384;  // also written out whole it fits into a message
  if (size < 2 || size > kMostRdata) {
    return 0;
  }
  const uint16_t type = u16_at({bytes, size}, 0);
  const std::vector<uint8_t> message = message_with(type, {bytes + 2, size - 2});
  const size_t offset = message.size() - (size - 2);
  const bool is_good = is_well_formed(type, message, offset, size - 2);
  if (type == rrtype::kOpt || type == rrtype::kRrsig) {  // no answer, and none without DO
    return 0;
  }
  ScrubbedResponse out;
  const ScrubStatus status = scrub_response(message, false, out);
  require((status == ScrubStatus::kOk) == is_good || status == ScrubStatus::kMalformed);
  if (status == ScrubStatus::kOk) {
    RecordReader reader(out.message);
    RecordView record;
    require(reader.next(record) && record.type == type && record.end() == out.message.size());
    require(is_well_formed(type, out.message, record.rdata_offset, record.rdata_size));
    require(ldns_reads(out.message));
  }
  return 0;
}
