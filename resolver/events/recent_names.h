// Names that were asked for lately and not blocked, with a guess at how many clients did: what a preview
// compares with, so that people see whom a push would hit. Noted only where a question waited for upstream,
// which costs thousands of times more, so the way of a cached answer pays nothing; who was answered from the
// cache alone is therefore not counted. Bounded: a newer name takes the place of an older one.
//
// Threads: note() one, a worker's; all() any.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/dns/name.h"

namespace cenote {

class RecentNames {
 public:
  struct Seen {
    Name name;
    uint64_t clients = 0;  // one bit for each hash of a client: see count_clients()
    int64_t last = 0;      // Unix seconds
  };
  explicit RecentNames(size_t slots = 8192) : slots_(slots) {}  // a power of two; 280 bytes each

  void note(const Name& name, const IpAddress& client, int64_t unix_time) noexcept;
  [[nodiscard]] std::vector<Seen> all() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Seen> slots_;  // by hash; the root in it: free
};

// How many clients have set these bits, by linear counting: exact for a few, about 10 % off up to a hundred.
uint64_t count_clients(uint64_t bits) noexcept;

}  // namespace cenote
