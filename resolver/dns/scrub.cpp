#include "resolver/dns/scrub.h"

#include <array>
#include <bitset>

#include <boost/container/small_vector.hpp>

#include "resolver/dns/message_builder.h"
#include "resolver/dns/rdata_check.h"
#include "resolver/dns/record_ttls.h"
#include "resolver/dns/records.h"

namespace cenote {
namespace {

struct Chain {
  std::array<Name, kMaxChain + 1> names;  // the question, then each CNAME target
  size_t size = 1;
  std::bitset<kMaxChain + 1> left;  // the names whose CNAME was kept

  [[nodiscard]] const Name& end() const noexcept { return names[size - 1]; }
  [[nodiscard]] bool contains(const Name& name) const noexcept {
    return std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(size), name) !=
           names.begin() + static_cast<ptrdiff_t>(size);
  }
};

// More CNAMEs than any honest answer holds.
constexpr size_t kMostAliases = 64;

struct Alias {
  Name owner;
  Name target;
};
using Aliases = boost::container::small_vector<Alias, 4>;

// The CNAMEs of an answer as they stand there.
ScrubStatus collect_aliases(const RecordReader& from_question, Bytes message, Aliases& aliases) {
  RecordReader reader = from_question;
  RecordView record;
  while (reader.next_unnamed(record) && record.section == Section::kAnswer) {
    if (record.type != rrtype::kCname || record.klass != kClassIn) {
      continue;
    }
    if (aliases.size() == kMostAliases) {
      return ScrubStatus::kBadChain;
    }
    if (!reader.read_owner(record)) {
      return ScrubStatus::kMalformed;
    }
    Alias& alias = aliases.emplace_back();
    alias.owner = record.owner;
    if (!read_rdata_name(message, record, 0, alias.target)) {
      aliases.pop_back();  // It leads nowhere: where it belongs to the chain it spoils the answer.
    }
  }
  return reader.ok() ? ScrubStatus::kOk : ScrubStatus::kMalformed;
}

// Follows the CNAMEs from the question, in whatever order the records stand.
ScrubStatus follow_chain(const RecordReader& from_question, Bytes message, Chain& chain) {
  if (from_question.question_type() == rrtype::kCname) {
    return ScrubStatus::kOk;
  }
  Aliases aliases;
  if (const ScrubStatus status = collect_aliases(from_question, message, aliases);
      status != ScrubStatus::kOk) {
    return status;
  }
  while (true) {
    const auto step = std::find_if(aliases.begin(), aliases.end(),
                                   [&](const Alias& alias) { return alias.owner == chain.end(); });
    if (step == aliases.end()) {
      return ScrubStatus::kOk;
    }
    if (chain.size > kMaxChain || chain.contains(step->target)) {
      return ScrubStatus::kBadChain;
    }
    chain.names[chain.size++] = step->target;
  }
}

bool is_dnssec_type(uint16_t type) noexcept {
  return type == rrtype::kRrsig || type == rrtype::kNsec || type == rrtype::kNsec3;
}

// The type that an RRSIG signs stands first in its rdata (RFC 4034 section 3.1).
uint16_t covered_type(Bytes message, const RecordView& record) noexcept {
  ByteReader reader(message.first(record.end()), record.rdata_offset);
  return reader.u16();
}

// Is this CNAME a step of the chain, for the first time? A second one at the same name would be a way around
// it (RFC 2181 section 10.1 allows only one), or thousands of them work for whoever judges them. One that
// cannot be read is taken, for what it hides is not "no data".
bool take_step(Bytes message, const RecordView& record, Chain& chain) noexcept {
  Name target;
  if (!read_rdata_name(message, record, 0, target)) {
    return chain.contains(record.owner);
  }
  for (size_t i = 0; i + 1 < chain.size; ++i) {
    if (chain.names[i] == record.owner) {
      const bool is_step = !chain.left[i] && chain.names[i + 1] == target;
      chain.left[i] = chain.left[i] || is_step;
      return is_step;
    }
  }
  return false;
}

// The one CNAME that was asked for itself.
bool take_alias(const RecordView& record, Chain& chain) noexcept {
  const bool is_first = !chain.left[0] && record.owner == chain.names[0];
  chain.left[0] = chain.left[0] || is_first;
  return is_first;
}

// Does this answer record belong to the question? What was asked at the chain's names, the CNAMEs between
// them, a DNAME above one of them, and their signatures.
bool keeps_answer(Bytes message, const RecordView& record, Chain& chain, uint16_t type,
                  bool dnssec_ok) noexcept {
  if (record.klass != kClassIn) {
    return false;
  }
  const bool is_signature = record.type == rrtype::kRrsig && dnssec_ok;
  if (record.type == rrtype::kDname || (is_signature && covered_type(message, record) == rrtype::kDname)) {
    return std::any_of(chain.names.begin(), chain.names.begin() + static_cast<ptrdiff_t>(chain.size),
                       [&](const Name& name) { return name.is_at_or_below(record.owner); });
  }
  if (record.type == rrtype::kCname) {
    return type == rrtype::kCname ? take_alias(record, chain) : take_step(message, record, chain);
  }
  // An alias has no other data (RFC 2181 section 10.1), but for its signatures.
  return is_signature ? chain.contains(record.owner)
                      : (record.type == type || type == rrtype::kAny) && record.owner == chain.end();
}

// Of the authority section only what proves an answer: the SOA of a zone around the chain's end, and with DO
// the NSEC records, which a positive answer out of a wildcard needs as well (RFC 4035 section 3.1.3.3).
bool keeps_authority(const RecordView& record, const Chain& chain, bool dnssec_ok) noexcept {
  if (record.klass != kClassIn) {
    return false;
  }
  if (record.type == rrtype::kSoa) {
    return chain.end().is_at_or_below(record.owner);
  }
  return dnssec_ok && is_dnssec_type(record.type);
}

// Nobody is given such an answer, and whoever waits for it learns why there is none.
ScrubStatus refuse(ScrubStatus status, UpstreamError why, ScrubbedResponse& out) {
  out = {};
  out.error = std::move(why);
  return status;
}

ScrubStatus refuse_rdata(uint16_t type, ScrubbedResponse& out) {
  return refuse(ScrubStatus::kBadRdata,
                {Ede::kInvalidData, "an upstream's answer has a malformed " + type_text(type) + " record"},
                out);
}

// Without data and SOA, "no data" is said by a server that resolves, or that has the zone. Name servers in
// its place are where to ask instead (RFC 2308 section 2.2).
bool is_referral(uint16_t flags, bool has_servers) noexcept {
  return (flags & flag::kAa) == 0 && ((flags & flag::kRa) == 0 || has_servers);
}

uint32_t negative_ttl(Bytes message, const RecordView& soa) noexcept {
  if (soa.rdata_size < 4) {
    return 0;
  }
  ByteReader minimum(message, soa.end() - 4);
  return std::min(soa.ttl, minimum.u32());
}

}  // namespace

ScrubStatus scrub_response(Bytes message, bool dnssec_ok, ScrubbedResponse& out) {
  RecordReader reader(message);
  Chain chain;
  chain.names[0] = reader.question_name();
  if (!reader.ok()) {
    return ScrubStatus::kMalformed;
  }
  if (const ScrubStatus status = follow_chain(reader, message, chain); status == ScrubStatus::kBadChain) {
    return refuse(status, {Ede::kInvalidData, "an upstream's chain of aliases is endless"}, out);
  } else if (status != ScrubStatus::kOk) {
    return status;
  }
  out.rcode = static_cast<Rcode>(reader.flags() & flag::kRcode);
  MessageBuilder builder(reader.question_name(), reader.question_type());
  RecordView record;
  Bytes options;
  bool has_data = false;
  bool has_servers = false;
  std::array<uint32_t, 2> least{UINT32_MAX, UINT32_MAX};  // TTL by section
  uint32_t negative = UINT32_MAX;
  while (reader.next_unnamed(record) &&
         (record.section == Section::kAdditional || reader.read_owner(record))) {
    const bool keep =
        record.section == Section::kAnswer
            ? keeps_answer(message, record, chain, reader.question_type(), dnssec_ok)
            : record.section == Section::kAuthority && keeps_authority(record, chain, dnssec_ok);
    if (record.type == rrtype::kOpt && record.section == Section::kAdditional) {
      // The upper bits of the rcode (RFC 6891 section 6.1.3): without them BADVERS would read as NOERROR.
      out.rcode = (record.ttl_bits >> 24) != 0 ? Rcode::kBadVers : out.rcode;
      options = message.subspan(record.rdata_offset, record.rdata_size);
    }
    if (!keep) {
      has_servers |= record.section == Section::kAuthority && record.type == rrtype::kNs;
      continue;
    }
    if (!is_well_formed(record.type, message, record.rdata_offset, record.rdata_size)) {
      return refuse_rdata(record.type, out);
    }
    if (record.section == Section::kAuthority && record.type == rrtype::kSoa) {
      // RFC 2308 section 3: the SOA says how long the answer holds, also to whoever gets it from the cache.
      negative = std::min(negative, negative_ttl(message, record));
      record.ttl = negative;
    }
    if (!builder.add(record.section, message, record)) {
      return ScrubStatus::kMalformed;
    }
    uint32_t& section_least = least[record.section == Section::kAnswer ? 0 : 1];
    section_least = std::min(section_least, record.ttl);
    has_data |= record.section == Section::kAnswer && record.owner == chain.end() &&
                (record.type == reader.question_type() || reader.question_type() == rrtype::kAny);
  }
  if (!reader.ok()) {
    return ScrubStatus::kMalformed;
  }
  out.negative = out.rcode == Rcode::kNxDomain || (out.rcode == Rcode::kNoError && !has_data);
  out.has_soa = negative != UINT32_MAX;
  out.has_chain = chain.size > 1;
  out.open_end.reset();
  out.is_resolvers = (reader.flags() & flag::kRa) != 0;
  if (out.rcode == Rcode::kNoError && !has_data && !out.has_soa) {
    if (out.has_chain) {
      out.open_end = chain.end();
    } else if (is_referral(reader.flags(), has_servers)) {
      return refuse(ScrubStatus::kReferral,
                    {Ede::kNoReachableAuthority, "an upstream refers to other servers and does not ask them"},
                    out);
    }
  }
  const bool keeps_proof = out.negative || dnssec_ok;
  const uint32_t ttl = keeps_proof ? std::min(least[0], least[1]) : least[0];
  out.ttl = ttl == UINT32_MAX ? 0 : ttl;
  if (!keeps_proof) {
    builder.drop_authority();
  }
  builder.finish(out.rcode, out.message, out.ttl_offsets);
  level_ttls(out.message, out.ttl_offsets);
  out.error = read_upstream_error(options, !out.is_failure());
  return ScrubStatus::kOk;
}

ScrubStatus join_answers(const ScrubbedResponse& beginning, const ScrubbedResponse& rest, bool dnssec_ok,
                         ScrubbedResponse& whole) {
  if (beginning.is_resolvers && (rest.is_failure() || rest.rcode == Rcode::kNxDomain)) {
    whole = beginning;
    whole.open_end.reset();
    return ScrubStatus::kOk;
  }
  const RecordReader question(beginning.message);
  MessageBuilder builder(question.question_name(), question.question_type());
  for (const Section section : {Section::kAnswer, Section::kAuthority}) {
    for (const Bytes message : {Bytes(beginning.message), Bytes(rest.message)}) {
      RecordReader reader(message);
      RecordView record;
      while (reader.next(record)) {
        if (record.section == section && !builder.add(section, message, record)) {
          return refuse(ScrubStatus::kBadChain, {Ede::kOther, "a chain of aliases is too large"}, whole);
        }
      }
    }
  }
  std::vector<uint8_t> joined;
  builder.finish(rest.rcode, joined, whole.ttl_offsets);
  if (const ScrubStatus status = scrub_response(joined, dnssec_ok, whole); status != ScrubStatus::kOk) {
    return whole.error ? status : refuse(status, {Ede::kOther, "the parts of a chain do not fit"}, whole);
  }
  whole.open_end = rest.open_end;
  whole.is_resolvers = rest.is_resolvers;
  whole.error = rest.error ? rest.error : beginning.error;
  // Authentic is what all who answered have found to be so.
  whole.message[3] |= static_cast<uint8_t>(beginning.message[3] & rest.message[3] & flag::kAd);
  return ScrubStatus::kOk;
}

std::optional<Bytes> find_edns_option(Bytes message, uint16_t code) noexcept {
  RecordReader reader(message);
  RecordView record;
  while (reader.next_unnamed(record)) {
    if (record.type != rrtype::kOpt) {
      continue;
    }
    ByteReader options(message.subspan(record.rdata_offset, record.rdata_size));
    while (options.remaining() >= 4) {
      const uint16_t option = options.u16();
      const Bytes value = options.bytes(options.u16());
      if (option == code) {
        return options.ok() ? std::optional(value) : std::nullopt;
      }
    }
  }
  return std::nullopt;
}

}  // namespace cenote
