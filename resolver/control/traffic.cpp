#include "resolver/control/traffic.h"

#include <algorithm>

namespace cenote {
namespace {

// Sorted, for one name may have been asked for by thousands.
size_t count_different(std::vector<IpAddress> clients) {
  std::sort(clients.begin(), clients.end(), [](const IpAddress& a, const IpAddress& b) {
    return std::ranges::lexicographical_compare(a.bytes(), b.bytes());
  });
  return static_cast<size_t>(std::unique(clients.begin(), clients.end()) - clients.begin());
}

}  // namespace

Traffic::Asked& Traffic::asked(const Name& name) {
  Asked& asked = names_[std::string(as_text(name.wire()))];
  asked.name = name;
  return asked;
}

void Traffic::add(const std::vector<RecentNames::Seen>& names) {
  for (const RecentNames::Seen& seen : names) {
    asked(seen.name).clients |= seen.clients;
  }
}

void Traffic::add(const std::vector<NumberedEvent>& hits) {
  for (const NumberedEvent& hit : hits) {
    asked(hit.event.name).known.push_back(hit.event.client.address());
  }
}

std::vector<TrafficChange> Traffic::compare(const Policy& before, const Policy& after, WallTime now) const {
  std::vector<TrafficChange> changes;
  const Policy::Asker asker{IpAddress(), kNoGroup, unix_seconds(now)};
  for (const auto& [key, asked] : names_) {
    const Action was = before.decide(asked.name, asker).action;
    const Action is = after.decide(asked.name, asker).action;
    if (was != is) {
      const uint64_t clients = std::max<uint64_t>(count_clients(asked.clients), count_different(asked.known));
      changes.push_back({asked.name.to_text(), was, is, clients});
    }
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const TrafficChange& a, const TrafficChange& b) { return a.clients > b.clients; });
  changes.resize(std::min(changes.size(), kTrafficChanges));
  return changes;
}

}  // namespace cenote
