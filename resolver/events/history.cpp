#include "resolver/events/history.h"

#include <algorithm>

namespace cenote {
namespace {

bool is_asked_for(const HitQuery& query, const Event& event) {
  return (!query.client || query.client->contains(event.client.address())) &&
         (query.client_name.empty() || is_client_of(query.client_name, event.client_name)) &&
         (!query.name || event.name.is_at_or_below(*query.name)) &&
         (!query.since || event.time >= *query.since);
}

}  // namespace

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
    if (is_asked_for(query, it->event)) {
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
