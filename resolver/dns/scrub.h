// Makes an upstream's response fit to be believed: only what belongs to the question's chain stays (RFC 2181
// section 5.4.1, RFC 5452 section 6), everything else is dropped, whatever section it came in. Pure: bytes
// in, bytes out.
#pragma once

#include <optional>
#include <vector>

#include "resolver/dns/extended_error.h"
#include "resolver/dns/name.h"
#include "resolver/dns/types.h"

namespace cenote {

struct ScrubbedResponse {
  Rcode rcode = Rcode::kServFail;
  bool negative = false;   // NXDOMAIN or NODATA at the end of the chain
  bool has_chain = false;  // the question's name is an alias: the rcode is of another name (RFC 6604)
  bool has_soa = false;    // a negative answer may be cached only with one (RFC 2308 section 5)
  // The name where the chain stops without a word about it, not even that it has no data: a server that does
  // not resolve leaves the rest to whoever asked.
  std::optional<Name> open_end;
  // Said by a server that resolves: then the end may have no data after all, and no SOA to say so.
  bool is_resolvers = false;
  uint32_t ttl = 0;  // seconds: the least of all records; for a negative one also SOA MINIMUM
  // The message without OPT: header with QR, RD, RA and rcode (never AD: whose word that is nobody knows
  // here), the question in lower case, the records kept, those of an RRset with one TTL.
  std::vector<uint8_t> message;
  std::vector<uint16_t> ttl_offsets;   // where each record's TTL stands in `message`
  std::optional<UpstreamError> error;  // what the OPT says of the answer, or of the failure

  // Says nothing about the name.
  [[nodiscard]] bool is_failure() const noexcept {
    return rcode != Rcode::kNoError && rcode != Rcode::kNxDomain;
  }
};

enum class ScrubStatus : uint8_t {
  kOk,
  kMalformed,  // not a message, or a broken record
  // A whole message, and yet no answer. `out` is a failure that says why.
  kBadRdata,  // a record that would be kept is not what its type says
  kBadChain,  // a CNAME loop, or a chain over kMaxChain
  kReferral,  // it names other servers to ask, or nothing at all
};

// A chain longer than this is somebody's attack (CAMP, USENIX Security 2024); unbound follows 11 as well.
constexpr size_t kMaxChain = 11;

// `dnssec_ok`: keep RRSIG, NSEC and NSEC3 records of what is kept.
// REQUIRES: the message's question is the one that was asked (the transport checked it).
ScrubStatus scrub_response(Bytes message, bool dnssec_ok, ScrubbedResponse& out);

// Puts the rest of a chain behind its beginning, whose open_end it answers, as one server would have. Not
// kOk: they make no good answer; `whole` is a failure. Where the beginning is a resolver's own word and there
// is nothing behind it, no data is what it meant.
ScrubStatus join_answers(const ScrubbedResponse& beginning, const ScrubbedResponse& rest, bool dnssec_ok,
                         ScrubbedResponse& whole);

// The data of the first option of that code in a response's OPT record; nullopt: there is none.
std::optional<Bytes> find_edns_option(Bytes message, uint16_t code) noexcept;

}  // namespace cenote
