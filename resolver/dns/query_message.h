// A query as it came over the wire, parsed in one bounded pass without an allocation: header, question, EDNS.
// The message's bytes stay the caller's; the question's letter case is kept there.
#pragma once

#include <array>
#include <string_view>

#include "resolver/dns/name.h"
#include "resolver/dns/types.h"

namespace cenote {

struct Edns {
  uint16_t udp_size = kClassicUdpBytes;  // at least 512, as RFC 6891 section 6.2.3 reads smaller values
  uint8_t version = 0;
  bool dnssec_ok = false;
  bool pads = false;                    // RFC 7830
  bool keeps_open = false;              // edns-tcp-keepalive, RFC 7828
  bool asks_nsid = false;               // RFC 5001
  bool asks_structured_errors = false;  // draft-ietf-dnsop-structured-dns-error
  uint8_t cookie_size = 0;  // 0: none; 8: the client's part alone; else with a server's part behind it
  std::array<uint8_t, 40> cookie;
};

// What the OPT of the answer carries beside an extended error. The pipeline decides it.
struct ReplyOptions {
  bool pads = false;  // to a multiple of 468 bytes (RFC 8467 section 4.1)
  bool has_cookie = false;
  uint16_t keepalive = 0;  // how long the connection may stay idle, in 100 ms; 0: not said
  std::array<uint8_t, 24> cookie;
  // Who answers (RFC 5001); empty: not said. Borrowed from the settings: not across a wait.
  std::string_view nsid;
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
  ReplyOptions reply;

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
  kChaos,    // class CH, TXT: a question about this server
};

QueryStatus parse_query(Bytes message, QueryMessage& out) noexcept;

}  // namespace cenote
