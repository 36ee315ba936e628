// Makes few events of many, so that one client that asks thousands of times a second neither fills the disk
// nor hides the hits of others. Hits that repeat (one client, one name, one verdict) become one event that
// counts them, and each client has only so many events a second; what goes over is counted, too. The first
// hit of a client on a name is recorded at once, as long as the client is within its rate. The recorder's
// thread.
#pragma once

#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/events/packed_event.h"

namespace cenote {

class Condenser {
 public:
  // For how long repeats are counted before their event is made. Longer than a browser tries again, shorter
  // than a person who watches waits.
  static constexpr seconds kCounts{10};
  // A page full of trackers, or a morning's first mail, is no flood: so many seconds' worth may come at once.
  static constexpr uint64_t kBurstSeconds = 20;
  // Some 16 MiB at most. What finds no place is recorded as if it were the first.
  static constexpr size_t kMostRepeats = 65'536;
  // Whose rate is known. All others, whose addresses are forged then, share one.
  static constexpr size_t kMostClients = 16'384;

  // `rate`: events a second of one client (an IPv6 one is its /64); 0: as many as come.
  explicit Condenser(uint64_t rate);

  // True: record it now. False: it is counted, and give() will tell.
  bool take(PackedEvent event, MonoTime now);

  // What is due: one event for those that repeated, one for those of a client that went over its rate.
  using Record = std::function<void(const EventView&)>;
  void give(MonoTime now, const Record& record);
  void give_all(const Record& record);  // at the end; nothing is taken afterwards

  [[nodiscard]] uint64_t condensed() const noexcept {
    return condensed_.value();
  }  // without an event of their own
  [[nodiscard]] uint64_t omitted() const noexcept {
    return omitted_.value();
  }  // of these: over a client's rate

 private:
  // Hits that have been taken and not recorded.
  struct Pending {
    uint32_t count = 0;
    WallTime first;
    std::vector<uint8_t> newest;  // packed
    void add(PackedEvent event);
  };
  struct Client {
    uint64_t left = 0;
    MonoTime counted;
    Pending over;
  };
  struct Due {
    MonoTime when;
    uint64_t key;
    bool is_client;
  };

  [[nodiscard]] uint64_t key_of(const EventView& event) const noexcept;
  [[nodiscard]] uint64_t key_of(const IpAddress& client) const noexcept;
  Client& client_of(const IpAddress& client, MonoTime now);
  bool is_within_rate(PackedEvent event, const IpAddress& client, MonoTime now);
  void warn_of(const IpAddress& client, MonoTime now);
  void give_repeats(uint64_t key, MonoTime now, const Record& record);
  static void give_repeats(Pending& pending, const Record& record);
  static void give_over(Pending& over, const Record& record);
  void forget_idle(MonoTime now);

  const uint64_t rate_;
  const uint64_t seed_;
  std::unordered_map<uint64_t, Pending> repeats_;  // an entry for each recorded hit of the last seconds
  std::unordered_map<uint64_t, Client> clients_;
  std::deque<Due> due_;  // in order, for all wait equally long
  MonoTime warned_;
  MonoTime looked_for_idle_;
  Counter condensed_;
  Counter omitted_;
};

}  // namespace cenote
