// Blocks that only an answer's content explains: the question's own name is not listed, so the page, which
// comes a moment later, has nobody else to ask. Kept for as long as a hit explains a page, and bounded, also
// for each client. It says what was; whether it still holds is for who asks to find out.
//
// Threads: any; a lock guards it, which is held for microseconds.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "resolver/events/event.h"
#include "resolver/policy/policy.h"

namespace cenote {

// How long a hit explains the page that follows it: a browser connects within seconds, a person reloads
// within minutes.
constexpr seconds kHitExplains{600};

class IndirectBlocks {
 public:
  static constexpr size_t kMost = 1000;      // some 1.2 MB
  static constexpr size_t kMostOfOne = 100;  // client, an IPv6 network of which counts as one

  // The same name of the same client again takes the place of its earlier hit.
  void note(const Event& event);
  // The hit of that client on that host that explains a page at `time`.
  [[nodiscard]] std::optional<Event> find(const IpAddress& client, const Name& host, WallTime time) const;
  // The hits of all clients on that host that do so.
  [[nodiscard]] std::vector<Event> find(const Name& host, WallTime time) const;

  // Hits that went though they still explained a page: their client had too many, or all together had.
  [[nodiscard]] uint64_t dropped() const;
  [[nodiscard]] size_t size() const;

 private:
  struct ByHost {
    bool operator()(const IpAddress& a, const IpAddress& b) const noexcept;
  };
  using Events = std::list<Event>;
  void drop(Events::iterator event);
  void forget_oldest(const Event& for_this, Events::iterator oldest);

  mutable std::mutex mutex_;
  Events events_;                                                        // oldest first
  std::map<IpAddress, std::deque<Events::iterator>, ByHost> by_client_;  // the same of each
  uint64_t dropped_ = 0;
};

// Whether policy still blocks what that hit was blocked for: the entry may have been lifted since, or
// excepted, and so may the host.
bool is_still_blocked(const Policy& policy, const Event& hit, WallTime time);

}  // namespace cenote
