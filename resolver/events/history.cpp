#include "resolver/events/history.h"

#include <algorithm>

namespace cenote {

void History::add(const Event& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back({++last_, event});
  if (events_.size() > capacity_) {
    events_.pop_front();
  }
}

std::vector<NumberedEvent> History::find(const HitQuery& query) const {
  std::vector<NumberedEvent> found;
  const std::lock_guard lock(mutex_);
  for (auto it = events_.rbegin(); it != events_.rend() && found.size() < query.limit; ++it) {
    if (it->number <= query.after) {
      break;
    }
    if ((!query.client || query.client->contains(it->event.client.address())) &&
        (!query.name || it->event.name.is_at_or_below(*query.name)) &&
        (!query.since || it->event.time >= *query.since)) {
      found.push_back(*it);
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::optional<History::Found> History::find_incident(IncidentId id) const {
  std::optional<Found> found;
  const std::lock_guard lock(mutex_);
  for (auto it = events_.rbegin(); it != events_.rend(); ++it) {
    if (it->event.incident == id) {
      if (!found) {
        found = Found{*it, it->event.time, 0};
      }
      found->first = it->event.time;
      ++found->hits;
    }
  }
  return found;
}

std::optional<Event> History::find_recent(const IpAddress& client, const Name& name, WallTime since) const {
  const std::lock_guard lock(mutex_);
  for (auto it = events_.rbegin(); it != events_.rend() && it->event.time >= since; ++it) {
    const Event& event = it->event;
    if (event.name == name && event.client.address() == client && event.type != 0) {
      return event;
    }
  }
  return std::nullopt;
}

uint64_t History::last_number() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace cenote
