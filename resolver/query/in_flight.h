// Queries that wait for an upstream: one upstream question for many waiters (RFC 5452 section 5: never two
// for one question at once). One worker's.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "resolver/base/flat_map.h"
#include "resolver/base/slab.h"
#include "resolver/cache/answer_cache.h"
#include "resolver/query/query.h"

namespace cenote {

// What must be remembered of a query to answer it later.
struct WaitingQuery {
  ReplyPath path;
  QueryMessage message;
  Policy::Asker asker;
  uint32_t clear_under;  // as in the query
  uint64_t client;       // by which its client's are counted
  bool is_exempt;        // from the limit on one client: many people stand behind it
  // Header and question as received: the answer repeats the question's letter case.
  std::array<uint8_t, kHeaderBytes + kMaxNameBytes + 4> packet;

  WaitingQuery(const Query& query, uint64_t counted_by, bool exempt) noexcept;
};

// At most so many wait: of one client, and below one registered domain (random-subdomain floods).
struct WaitingBounds {
  size_t of_client = SIZE_MAX;
  size_t of_domain = SIZE_MAX;
  bool is_exempt = false;  // from the first: each of its questions counts as another client's
};

class InFlight {
 public:
  InFlight();
  struct Group {
    CacheKey key;
    uint64_t hash = 0;           // the key's
    uint64_t domain = 0;         // whose questions are counted together
    MonoTime asked;              // when the first came
    Handle exchange;             // at the upstreams
    bool is_outdated = false;    // asked of upstreams that were replaced since
    bool is_guarded = false;     // an outdated one: the rebinding guard covered its zone, by the old numbers
    bool is_overdue = false;     // its waiters were given something stale; who comes later is, too
    bool is_unattended = false;  // asked for the cache alone: it began without waiters, or they have gone
    std::vector<WaitingQuery> waiters;
  };
  // Waits with those who asked the same before; `is_first`: nobody did, so the upstream is to be asked with
  // this cookie. nullopt: too many wait for this question, of this client, for this domain, or in all. When
  // too many wait in all, a question makes room that has waited for some time already, of a client that holds
  // no fewer places: see take_displaced().
  struct Joined {
    uint64_t cookie = 0;
    bool is_first = false;
  };
  std::optional<Joined> join(const CacheKey& key, const Query& query, const WaitingBounds& bounds = {});
  // Those who made room since the last call: their upstreams need not go on, and they want to be told.
  std::vector<Group> take_displaced() { return std::exchange(displaced_, {}); }
  [[nodiscard]] bool has_displaced() const noexcept { return !displaced_.empty(); }
  // The upstreams are asked: by this exchange.
  void note_exchange(uint64_t cookie, Handle exchange);
  // Questions for which nobody waits cost their upstream and our memory all the same, so they are bounded,
  // too: by a quarter of the places that those who wait have.
  static constexpr size_t kMostUnattended = 5000;
  [[nodiscard]] bool has_too_many_unattended() const noexcept { return unattended_ > kMostUnattended; }
  // A question for which nobody waits; nullopt: it is under way already.
  std::optional<uint64_t> start(const CacheKey& key);
  // The group's waiters, who go; the question stays under way.
  std::vector<WaitingQuery> release(uint64_t cookie);
  // The upstreams are replaced, and their zones' numbers: nobody joins any more what is under way.
  // `is_guarded`: by number, whether the rebinding guard covers a zone until now.
  void outdate(const std::function<bool(uint16_t)>& is_guarded);
  // Takes the group out; empty when it is not known (any more).
  Group take(uint64_t cookie);
  // A group's waiters have gone: the next one's take their memory.
  void recycle(std::vector<WaitingQuery> waiters);
  [[nodiscard]] const Group* find(const CacheKey& key);
  [[nodiscard]] const Group* find(uint64_t cookie);
  [[nodiscard]] size_t waiting() const noexcept { return waiting_; }

 private:
  using Counts = FlatMap<size_t>;
  static void count_down(Counts& counts, uint64_t key) noexcept;
  Group* lookup(const CacheKey& key, uint64_t hash, Handle& handle);
  Handle insert(const CacheKey& key, uint64_t hash, uint64_t domain);
  bool make_room(MonoTime now, size_t held, Handle joined);
  void leave_unattended(Group& group) noexcept;
  void forget(const std::vector<WaitingQuery>& waiters);

  Slab<Group> groups_;
  FlatMap<Handle> by_hash_;  // of two questions with one hash the later is not found: it is asked twice
  Counts by_client_;
  Counts by_domain_;  // questions under way
  size_t waiting_ = 0;
  size_t unattended_ = 0;  // questions
  size_t hand_ = 0;        // the place where room was looked for last
  std::vector<Group> displaced_;
  std::vector<std::vector<WaitingQuery>> spare_;
};

}  // namespace cenote
