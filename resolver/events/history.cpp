#include "resolver/events/history.h"

#include <algorithm>

namespace cenote {
namespace {

bool is_asked_for(const HitQuery& query, const EventView& event) {
  return (!query.client || query.client->contains(event.client)) &&
         (query.client_name.empty() || is_client_of(query.client_name, event.client_name)) &&
         (!query.name || Name::from_wire(event.name).value_or(Name()).is_at_or_below(*query.name)) &&
         (!query.since || event.time >= *query.since);
}

}  // namespace

void History::add(std::span<const PackedEvent> events) {
  const std::lock_guard lock(mutex_);
  for (const PackedEvent event : events) {
    const size_t place = last_++ % capacity_;
    if (place == events_.size()) {
      events_.emplace_back();
    }
    const Bytes bytes = event.bytes();
    events_[place].assign(bytes.begin(), bytes.end());
  }
}

void History::add(const EventView& event) {
  alignas(PackedEvent::kAlignment) std::array<uint8_t, PackedEvent::kMostBytes> bytes;
  PackedEvent::pack(event, bytes.data());
  const PackedEvent packed(bytes.data());
  add(std::span(&packed, 1));
}

std::vector<NumberedEvent> History::find(const HitQuery& query) const {
  std::vector<NumberedEvent> found;
  const std::lock_guard lock(mutex_);
  for (uint64_t number = last_; number > gone() && found.size() < query.limit; --number) {
    if (number <= query.after) {
      break;
    }
    if (const EventView event = at(number); is_asked_for(query, event)) {
      found.push_back({number, Event(event)});
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::optional<History::Found> History::find_incident(IncidentId id) const {
  std::optional<Found> found;
  const std::lock_guard lock(mutex_);
  for (uint64_t number = last_; number > gone(); --number) {
    const EventView event = at(number);
    if (event.incident == id) {
      if (!found) {
        found = Found{{number, Event(event)}, event.time, 0};
      }
      found->first = event.time;
      ++found->hits;
    }
  }
  return found;
}

std::optional<Event> History::find_recent(const IpAddress& client, const Name& name, WallTime since) const {
  const std::lock_guard lock(mutex_);
  for (uint64_t number = last_; number > gone(); --number) {
    const EventView event = at(number);
    if (event.time < since) {
      break;
    }
    if (is_same_name(event.name, name.wire()) && event.client == client && event.type != 0) {
      return Event(event);
    }
  }
  return std::nullopt;
}

uint64_t History::last_number() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace cenote
