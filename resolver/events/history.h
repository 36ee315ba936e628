// The newest hits in memory, for people who ask: who hit what, and why this page. Bounded, and shared fairly:
// when it is full, the client that has most of it gives up its oldest. The whole record is the event file.
// Any thread; a lock guards it, which workers never touch.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
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
  explicit History(size_t capacity = 20'000);  // of usual hits some 5 MiB

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
  struct Kept {
    uint64_t asked;  // a hash of client and name; 0: no question over DNS
    std::unique_ptr<uint8_t[]> packed;
    [[nodiscard]] EventView view() const { return PackedEvent(packed.get()).view(); }
  };
  using Numbers = std::deque<uint64_t>;  // of one client's events, oldest first
  // Orders clients by how much they have, and then by who has the oldest.
  using Share = std::tuple<size_t, uint64_t, uint64_t>;
  static Share share_of(uint64_t owner, const Numbers& numbers) {
    return {numbers.size(), ~numbers.front(), owner};
  }
  [[nodiscard]] uint64_t hash_of(const IpAddress& client, Bytes name) const;
  // REQUIRES of these: the lock.
  void keep(PackedEvent event);
  void drop_one();

  const size_t capacity_;
  const uint64_t hash_key_;
  mutable std::mutex mutex_;
  std::map<uint64_t, Kept> events_;  // by number
  std::unordered_map<uint64_t, Numbers> numbers_;
  std::set<Share> shares_;
  std::unordered_map<uint64_t, uint64_t> newest_;  // by Kept::asked: each page asks, and must not look far
  uint64_t last_ = 0;
};

}  // namespace cenote
