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

void History::add(std::span<const Event> events) {
  const std::lock_guard lock(mutex_);
  for (const Event& event : events) {
    const size_t place = last_++ % capacity_;
    if (place == events_.size()) {
      events_.push_back(event);
    } else {
      events_[place] = event;
    }
  }
}

std::vector<NumberedEvent> History::find(const HitQuery& query) const {
  std::vector<NumberedEvent> found;
  const std::lock_guard lock(mutex_);
  for (uint64_t number = last_; number > gone() && found.size() < query.limit; --number) {
    if (number <= query.after) {
      break;
    }
    if (const Event& event = at(number); is_asked_for(query, event)) {
      found.push_back({number, event});
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::optional<History::Found> History::find_incident(IncidentId id) const {
  std::optional<Found> found;
  const std::lock_guard lock(mutex_);
  for (uint64_t number = last_; number > gone(); --number) {
    const Event& event = at(number);
    if (event.incident == id) {
      if (!found) {
        found = Found{{number, event}, event.time, 0};
      }
      found->first = event.time;
      ++found->hits;
    }
  }
  return found;
}

std::optional<Event> History::find_recent(const IpAddress& client, const Name& name, WallTime since) const {
  const std::lock_guard lock(mutex_);
  for (uint64_t number = last_; number > gone() && at(number).time >= since; --number) {
    const Event& event = at(number);
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
