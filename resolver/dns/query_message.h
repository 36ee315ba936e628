// A query as it came over the wire, parsed in one bounded pass without an allocation: header, question, EDNS.
// The message's bytes stay the caller's; the question's letter case is kept there.
#pragma once

#include "resolver/dns/name.h"
#include "resolver/dns/types.h"

namespace cenote {

struct Edns {
  uint16_t udp_size = kClassicUdpBytes;  // at least 512, as RFC 6891 section 6.2.3 reads smaller values
  uint8_t version = 0;
  bool dnssec_ok = false;
};

struct QueryMessage {
  uint16_t id = 0;
  uint16_t flags = 0;  // as received
  Name name;
  uint16_t type = 0;
  uint16_t klass = 0;
  uint16_t question_end = 0;  // offset behind the question, 0 when none could be read
  bool has_edns = false;
  Edns edns;

  [[nodiscard]] bool recursion_desired() const noexcept { return (flags & flag::kRd) != 0; }
  [[nodiscard]] bool checking_disabled() const noexcept { return (flags & flag::kCd) != 0; }
  [[nodiscard]] bool dnssec_ok() const noexcept { return has_edns && edns.dnssec_ok; }
  // How large the answer may be over UDP.
  [[nodiscard]] size_t udp_limit() const noexcept {
    return has_edns ? std::min(edns.udp_size, kUdpBytes) : kClassicUdpBytes;
  }
};

enum class QueryStatus : uint8_t {
  kOk,
  kIgnore,   // no header, or a response: silence, or two servers could answer each other for ever
  kFormErr,  // answered FORMERR; `question_end` tells whether the question can be copied
  kNotImp,   // an opcode other than QUERY
  kBadVers,  // EDNS version above 0
  kRefused,  // a zone transfer, or a class other than IN
};

QueryStatus parse_query(Bytes message, QueryMessage& out) noexcept;

}  // namespace cenote
