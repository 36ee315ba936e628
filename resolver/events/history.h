// The newest hits in memory, for people who ask: who hit what, and why this page. Bounded; the whole record
// is the event file. Any thread; a lock guards it, which workers never touch.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "resolver/events/packed_event.h"

namespace cenote {

struct NumberedEvent {
  uint64_t number = 0;  // counts up from 1: "all after N" follows the stream
  Event event;
};

struct HitQuery {
  std::optional<Prefix> client;
  std::string client_name = {};  // "kiosk-7", "*.lab.corp.example"; empty: whatever it is called
  std::optional<Name> name;      // with everything below it
  std::optional<WallTime> since;
  uint64_t after = 0;  // only events with a greater number
  size_t limit = 100;
};

class History {
 public:
  explicit History(size_t capacity = 20'000) : capacity_(capacity) {}  // of usual hits some 3 MiB

  void add(std::span<const PackedEvent> events);  // of one ring, oldest first
  void add(const EventView& event);
  [[nodiscard]] std::vector<NumberedEvent> find(
      const HitQuery& query) const;  // the newest `limit`, oldest first
  // The newest hit of an incident, and how many hits it has had.
  struct Found {
    NumberedEvent newest;
    WallTime first;
    uint64_t hits = 0;
  };
  [[nodiscard]] std::optional<Found> find_incident(IncidentId id) const;
  // The newest DNS hit of that client on that name since `since`.
  [[nodiscard]] std::optional<Event> find_recent(const IpAddress& client, const Name& name,
                                                 WallTime since) const;
  [[nodiscard]] uint64_t last_number() const;

 private:
  // REQUIRES: the lock, and gone() < number <= last_.
  [[nodiscard]] EventView at(uint64_t number) const {
    return PackedEvent(events_[(number - 1) % capacity_].data()).view();
  }
  [[nodiscard]] uint64_t gone() const { return last_ - events_.size(); }

  const size_t capacity_;
  mutable std::mutex mutex_;
  // Packed. A ring once it is full: an event takes the oldest one's place.
  std::deque<std::vector<uint8_t>> events_;
  uint64_t last_ = 0;
};

}  // namespace cenote
