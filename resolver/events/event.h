// One hit: a value to keep, and a view of its parts. packed_event.h has the form in which many of them wait.
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

// An event whose parts stand elsewhere.
struct EventView {
  EventView() = default;
  explicit EventView(const Verdict& of) noexcept  // the rest is yet to be set
      : verdict(of),
        matched(of.matched.wire()),
        address(of.address),
        feed(of.feed),
        category(of.category),
        threat(of.threat),
        reference(of.reference) {}

  WallTime time;
  IncidentId incident;
  IpAddress client;
  uint16_t client_port = 0;
  Transport transport = Transport::kUdp;
  uint16_t type = 0;
  std::string_view client_name;
  Bytes name;  // in wire form
  VerdictFacts verdict;
  Bytes matched;
  IpAddress address;
  std::string_view feed;
  std::string_view category;
  std::string_view threat;
  std::string_view reference;
  std::string_view group;
  uint32_t count = 1;    // hits of which it tells; the others are like it
  uint32_t omitted = 0;  // other hits of the client, on other names perhaps, that have no event
  WallTime first;        // of all of these, where there is more than one
};

struct Event {
  Event() = default;
  explicit Event(const EventView& view) noexcept;
  // NOLINTNEXTLINE(google-explicit-constructor): as a string is a view of itself
  operator EventView() const noexcept;

  WallTime time;
  SocketAddress client;
  ClientName client_name;  // if it says who it is
  Transport transport = Transport::kUdp;
  uint16_t type = 0;  // QTYPE, 0 for a page
  Name name;          // QNAME, or the host that was browsed to
  IncidentId incident;
  Verdict verdict;
  ShortText<30> group;  // the client's group, if any
  uint32_t count = 1;   // as in the view
  uint32_t omitted = 0;
  WallTime first;
};

}  // namespace cenote
