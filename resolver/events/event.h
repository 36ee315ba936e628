// One hit, as a fixed-size value that passes from a worker to the recorder without an allocation.
// docs/events.md specifies the JSON line that it becomes.
#pragma once

#include <string>

#include "resolver/base/clock.h"
#include "resolver/policy/clients.h"
#include "resolver/policy/verdict.h"

namespace cenote {

// An incident: what one person's attempt looks like to people. All hits of one client on one name within one
// hour share it, so the extended error, the log and the page agree without asking each other.
// Ten characters of Crockford's base 32 (50 bits), shown as "7K4QW-9XM2D": easy to read out on a phone.
class IncidentId {
 public:
  IncidentId() = default;
  // `key` is the process's secret; the same key, client, name and hour give the same id.
  static IncidentId make(uint64_t key, const IpAddress& client, const Name& name, WallTime time) noexcept;
  // Forgives what people do to it: lower case, blanks, a missing or misplaced dash, O for 0, I and L for 1.
  static std::optional<IncidentId> from_text(std::string_view text) noexcept;

  [[nodiscard]] ShortText<11> to_text() const noexcept;
  [[nodiscard]] uint64_t value() const noexcept { return value_; }
  bool operator==(const IncidentId&) const = default;

 private:
  uint64_t value_ = 0;
};

enum class Transport : uint8_t { kUdp, kTcp, kDot, kDoh, kHttp, kHttps };  // the last two: a page was shown
std::string_view to_text(Transport transport) noexcept;  // "udp", "tcp", "dot", "doh", "http", "https"

struct Event {
  WallTime time;
  SocketAddress client;
  ClientName client_name;  // if it says who it is
  Transport transport = Transport::kUdp;
  uint16_t type = 0;  // QTYPE, 0 for a page
  Name name;          // QNAME, or the host that was browsed to
  IncidentId incident;
  Verdict verdict;
  ShortText<30> group;  // the client's group, if any
};

}  // namespace cenote
