#include "resolver/upstream/server_pool.h"

#include <algorithm>

namespace cenote {
namespace {

// Before anything is measured; unbound begins with 376 ms.
constexpr milliseconds kFirstPatience{400};
// A resolver that answers most questions from its cache in 1 ms still needs time for the others: a smaller
// wait would ask twice for nothing.
constexpr milliseconds kLeastPatience{250};
constexpr milliseconds kMostPatience{1500};
// One lost packet is weather, three in a row are an outage.
constexpr unsigned kFailuresUntilDown = 3;
// One refused name is that server's opinion of it; when it refuses whatever is asked, it does not serve us.
constexpr unsigned kRefusalsUntilDown = 10;
// The pause doubles from one to the other; then one live question finds out whether the server is back.
constexpr seconds kFirstPause{1};
constexpr seconds kLongestPause{30};
// How long that question may take: longer than any patience, so that its end is known.
constexpr seconds kTrial{5};

}  // namespace

ServerPool::ServerPool(const UpstreamSettings& settings) {
  for (const UpstreamZone& zone : settings.zones) {
    Zone& made = zones_.emplace_back();
    made.name = zone.zone;
    made.trusts_ad = zone.trust_ad;
    made.number = zone.number != 0 ? zone.number : static_cast<uint32_t>(zones_.size());
    for (const UpstreamServer& server : zone.servers) {
      made.servers.push_back(static_cast<uint16_t>(servers_.size()));
      servers_.emplace_back().settings = server;
    }
  }
  std::stable_sort(zones_.begin(), zones_.end(),
                   [](const Zone& a, const Zone& b) { return a.name.label_count() > b.name.label_count(); });
}

void number_zones(UpstreamSettings& settings, const UpstreamSettings& before, uint32_t& last) {
  for (UpstreamZone& zone : settings.zones) {
    const auto known = std::find_if(before.zones.begin(), before.zones.end(), [&](const UpstreamZone& each) {
      zone.number = each.number;  // so that all the rest is compared
      return each == zone;
    });
    zone.number = known != before.zones.end() ? known->number : ++last;
  }
}

std::optional<uint16_t> ServerPool::zone_of(const Name& name) const noexcept {
  for (size_t i = 0; i < zones_.size(); ++i) {
    if (name.is_at_or_below(zones_[i].name)) {
      return static_cast<uint16_t>(i);
    }
  }
  return std::nullopt;
}

std::optional<uint16_t> ServerPool::zone_with(uint32_t number) const noexcept {
  const auto zone =
      std::find_if(zones_.begin(), zones_.end(), [&](const Zone& each) { return each.number == number; });
  return zone != zones_.end() ? std::optional(static_cast<uint16_t>(zone - zones_.begin())) : std::nullopt;
}

// Around the zone whose name it is.
std::optional<uint16_t> ServerPool::zone_of_cut(const Name& name) const noexcept {
  const auto zone = zone_of(name);
  if (!zone || name.is_root() || !(zones_[*zone].name == name)) {
    return zone;
  }
  const auto around = zone_of(name.suffix(name.label_count() - 1));
  return around ? around : zone;
}

Exchange::PerServer<Exchange::Candidate> ServerPool::candidates(uint16_t zone, MonoTime now) {
  Exchange::PerServer<Exchange::Candidate> order;
  Exchange::PerServer<Exchange::Candidate> last;
  order.reserve(zones_[zone].servers.size());
  for (const uint16_t index : zones_[zone].servers) {
    Server& server = servers_[index];
    if (server.is_excluded) {
      continue;
    }
    const bool down = now < server.down_until;
    if (!down && server.outages > 0) {
      server.on_trial = true;
      server.down_until = now + kTrial;
    }
    const auto usual = std::chrono::duration_cast<milliseconds>(
        std::chrono::microseconds{server.smoothed_us + 4 * server.variance_us});
    (down ? last : order)
        .push_back(
            {index, server.settings.scheme != UpstreamServer::Scheme::kUdp, false,
             server.smoothed_us == 0 ? kFirstPatience : std::clamp(usual, kLeastPatience, kMostPatience)});
  }
  order.insert(order.end(), last.begin(), last.end());
  return order;
}

void ServerPool::exclude(uint16_t index) noexcept {
  servers_[index].is_excluded = true;
  servers_[index].health.is_down.set(1);
}

void ServerPool::on_answered(uint16_t index, milliseconds took, MonoTime /*now*/) noexcept {
  Server& server = servers_[index];
  // RFC 6298 section 2, with its weights of 1/8 and 1/4.
  const int64_t us = std::max<int64_t>(1, std::chrono::microseconds{took}.count());
  if (server.smoothed_us == 0) {
    server.smoothed_us = us;
    server.variance_us = us / 2;
  } else {
    const int64_t error = us - server.smoothed_us;
    server.variance_us += (std::abs(error) - server.variance_us) / 4;
    server.smoothed_us += error / 8;
  }
  server.health.answered.add();
  server.health.smoothed_us.set(static_cast<uint64_t>(server.smoothed_us));
  declare_up(server);
}

void ServerPool::on_bad(uint16_t index, bool refuses, MonoTime now) noexcept {
  Server& server = servers_[index];
  server.health.bad.add();
  if (!refuses) {
    declare_up(server);  // SERVFAIL: it is alive, and the zone may be broken, so this is no outage
  } else if (server.on_trial || (++server.refusals >= kRefusalsUntilDown && now >= server.down_until)) {
    declare_down(server, now);
  }
}

void ServerPool::declare_up(Server& server) noexcept {
  server.failures = 0;
  server.refusals = 0;
  server.outages = 0;
  server.on_trial = false;
  server.down_until = {};
  server.health.is_down.set(0);
}

void ServerPool::declare_down(Server& server, MonoTime now) noexcept {
  const auto pause = std::min(kLongestPause, kFirstPause * (1 << std::min(server.outages, 5U)));
  ++server.outages;
  server.on_trial = false;
  server.down_until = now + pause;
  server.health.is_down.set(1);
}

void ServerPool::on_silent(uint16_t index, MonoTime now) noexcept {
  Server& server = servers_[index];
  server.health.timed_out.add();
  if (server.on_trial || (++server.failures >= kFailuresUntilDown && now >= server.down_until)) {
    declare_down(server, now);
  }
}

void ServerPool::on_unreachable(uint16_t index, MonoTime now) noexcept {
  Server& server = servers_[index];
  server.health.timed_out.add();
  if (server.on_trial || now >= server.down_until) {
    declare_down(server, now);
  }
}

}  // namespace cenote
