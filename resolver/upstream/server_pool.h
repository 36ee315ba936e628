// What one worker knows of the upstream servers: how long they take, which are out of order, and in which
// order to try them for a zone. One worker's; the numbers may be read by any thread.
#pragma once

#include <deque>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/dns/types.h"
#include "resolver/upstream/exchange.h"
#include "resolver/upstream/settings.h"

namespace cenote {

class ServerPool {
 public:
  struct Health {  // written by the worker, read by anyone
    Counter asked;
    Counter answered;
    Counter timed_out;
    Counter bad;          // SERVFAIL, REFUSED, malformed ...
    Counter smoothed_us;  // round-trip time
    Counter is_down;      // 0 or 1
  };

  explicit ServerPool(const UpstreamSettings& settings);

  // The zone that serves `name`: the longest one around it. nullopt: no upstream is configured for it.
  [[nodiscard]] std::optional<uint16_t> zone_of(const Name& name) const noexcept;
  // The same for a question: a DS record stands at the parent's side of the cut (RFC 4035 section 3.1.4.1),
  // so a zone's own is asked of the servers of the zone around it.
  [[nodiscard]] std::optional<uint16_t> zone_of(const Name& name, uint16_t type) const noexcept {
    return type == rrtype::kDs ? zone_of_cut(name) : zone_of(name);
  }
  // The zone's servers in the order to try them: as configured, those that are down last. One whose pause is
  // over stands in its place once: that question finds out whether it is back, the others do not wait for it.
  [[nodiscard]] Exchange::PerServer<Exchange::Candidate> candidates(uint16_t zone, MonoTime now);

  // It cannot be asked at all, and is no candidate.
  void exclude(uint16_t server) noexcept;
  void on_sent(uint16_t server) noexcept { servers_[server].health.asked.add(); }
  void on_answered(uint16_t server, milliseconds took, MonoTime now) noexcept;
  void on_bad(uint16_t server, bool refuses, MonoTime now) noexcept;  // `refuses`: REFUSED (RFC 1035 4.1.1)
  void on_silent(uint16_t server, MonoTime now) noexcept;             // timed out
  void on_unreachable(uint16_t server, MonoTime now) noexcept;        // refused, no route

  [[nodiscard]] size_t size() const noexcept { return servers_.size(); }
  [[nodiscard]] const UpstreamServer& server(uint16_t index) const noexcept {
    return servers_[index].settings;
  }
  [[nodiscard]] size_t zone_count() const noexcept { return zones_.size(); }
  [[nodiscard]] const std::vector<uint16_t>& servers_of(uint16_t zone) const noexcept {
    return zones_[zone].servers;
  }
  [[nodiscard]] const Name& zone_name(uint16_t zone) const noexcept { return zones_[zone].name; }
  // Zones are told apart by this where more than one configuration counts; see UpstreamZone.
  [[nodiscard]] uint32_t zone_number(uint16_t zone) const noexcept { return zones_[zone].number; }
  [[nodiscard]] std::optional<uint16_t> zone_with(uint32_t number) const noexcept;
  [[nodiscard]] bool trusts_ad(uint16_t zone) const noexcept { return zones_[zone].trusts_ad; }
  [[nodiscard]] const Health& health(uint16_t index) const noexcept { return servers_[index].health; }

 private:
  struct alignas(64) Server {  // written for each question: on cache lines of its own
    UpstreamServer settings;
    Health health;
    int64_t smoothed_us = 0;  // 0: never measured
    int64_t variance_us = 0;
    unsigned failures = 0;  // in a row, without an answer between
    unsigned refusals = 0;  // likewise
    unsigned outages = 0;   // how often it was declared down in a row: doubles the pause
    bool is_excluded = false;
    bool on_trial = false;  // its pause was over, and one question was sent to find out
    MonoTime down_until;
  };
  struct Zone {
    Name name;
    std::vector<uint16_t> servers;
    bool trusts_ad = false;
    uint32_t number = 0;
  };
  [[nodiscard]] std::optional<uint16_t> zone_of_cut(const Name& name) const noexcept;
  static void declare_down(Server& server, MonoTime now) noexcept;
  static void declare_up(Server& server) noexcept;

  std::deque<Server> servers_;  // a deque: counters cannot move
  std::vector<Zone> zones_;     // most labels first
};

}  // namespace cenote
