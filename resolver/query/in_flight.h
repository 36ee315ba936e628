// Queries that wait for an upstream: one upstream question for many waiters (RFC 5452 section 5: never two
// for one question at once). One worker's.
#pragma once

#include <array>
#include <optional>
#include <unordered_map>
#include <vector>

#include "resolver/base/slab.h"
#include "resolver/cache/answer_cache.h"
#include "resolver/query/query.h"

namespace cenote {

// What must be remembered of a query to answer it later.
struct WaitingQuery {
  ReplyPath path;
  QueryMessage message;
  Policy::Asker asker;
  Verdict verdict;  // what was decided about the question (kMonitor or kPass)
  // Header and question as received: the answer repeats the question's letter case.
  std::array<uint8_t, kHeaderBytes + kMaxNameBytes + 4> packet;

  explicit WaitingQuery(const Query& query) noexcept;
};

class InFlight {
 public:
  struct Group {
    CacheKey key;
    std::vector<WaitingQuery> waiters;
  };

  // Waits with those who asked the same before; `is_first`: nobody did, so the upstream is to be asked with
  // this cookie. nullopt: too many wait for this question, or in all.
  struct Joined {
    uint64_t cookie = 0;
    bool is_first = false;
  };
  std::optional<Joined> join(const CacheKey& key, const Query& query);
  // Takes the group out; empty when it is not known (any more).
  Group take(uint64_t cookie);
  [[nodiscard]] size_t waiting() const noexcept { return waiting_; }

 private:
  Slab<Group> groups_;
  std::unordered_multimap<uint64_t, Handle> by_hash_;
  size_t waiting_ = 0;
};

}  // namespace cenote
