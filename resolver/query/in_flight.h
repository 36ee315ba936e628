// Queries that wait for an upstream: one upstream question for many waiters. One worker's; what concerns all
// workers is in SharedQuestions.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "resolver/base/slab.h"
#include "resolver/query/query.h"
#include "resolver/query/shared_questions.h"

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
  // Both outlive this; `worker` is told of what it follows.
  InFlight(SharedQuestions& shared, Follower& worker);
  ~InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  // Of an answer, whose end is asked for.
  struct Beginning {
    ScrubbedResponse answer;
    bool is_guarded = false;      // see Resolution
    uint32_t rest_partition = 0;  // the zone that is asked for the rest, by its number
  };
  struct Group {
    CacheKey key;
    uint64_t hash = 0;                     // the key's
    uint64_t domain = 0;                   // whose questions are counted together
    MonoTime asked;                        // when the first came
    Handle exchange;                       // at the upstreams
    std::unique_ptr<Beginning> beginning;  // null: they are asked for the whole
    bool is_first = false;                 // this worker asks; false: it waits for another one's answer
    bool is_outdated = false;              // asked of upstreams that were replaced since
    bool is_overdue = false;               // its waiters were given something stale
    bool is_unattended = false;  // asked for the cache alone: it began without waiters, or they have gone
    std::vector<WaitingQuery> waiters;
    std::vector<SharedQuestions::Member> followers;  // of one that was taken out: who is to be told
  };
  // Waits with those who asked the same before; `is_first`: nobody did, so the upstream is to be asked with
  // this cookie; `is_new`: this worker did not know the question. nullopt: too many wait for this question,
  // of this client, for this domain, or in all. When too many wait in all, a question makes room that has
  // waited for some time already, of a client that holds no fewer places: see take_displaced().
  struct Joined {
    uint64_t cookie = 0;
    bool is_first = false;
    bool is_new = false;
  };
  std::optional<Joined> join(const CacheKey& key, const Query& query, const WaitingBounds& bounds = {});
  // Those who made room since the last call: their upstreams need not go on, and they want to be told.
  std::vector<Group> take_displaced() { return std::exchange(displaced_, {}); }
  [[nodiscard]] bool has_displaced() const noexcept { return !displaced_.empty(); }
  // The upstreams are asked: by this exchange.
  void note_exchange(uint64_t cookie, Handle exchange);
  void keep_beginning(uint64_t cookie, std::unique_ptr<Beginning> beginning);
  std::unique_ptr<Beginning> take_beginning(uint64_t cookie);
  // Questions for which nobody waits cost their upstream and our memory all the same, so they are bounded,
  // too: by a quarter of the places that those who wait have.
  static constexpr size_t kMostUnattended = 5000;
  [[nodiscard]] bool has_too_many_unattended() const noexcept { return unattended_ > kMostUnattended; }
  // A question for which nobody waits; nullopt: it is under way already.
  std::optional<uint64_t> start(const CacheKey& key, MonoTime now);
  // Whoever asked it has given up: claims it anew. True: it is this worker's to ask now.
  bool claim_again(uint64_t cookie);
  // The upstreams are replaced: `exchange` of what is under way means nothing to the new ones.
  void outdate();
  // Lets others ask what they wait for here, for the worker ends.
  void resign();
  // The queries of this sink and connection do not wait any more. True: and nobody else does; the question
  // stays under way for the cache.
  bool leave(const ReplyPath& path, uint64_t cookie);
  // The group's waiters, who go; the question stays under way.
  std::vector<WaitingQuery> release(uint64_t cookie);
  // Takes the group out; empty when it is not known (any more).
  Group take(uint64_t cookie);
  // Takes the group out, which is not to be asked after all: whoever follows it is told so.
  Group drop(uint64_t cookie);
  // A group's waiters have gone: the next one's take their memory.
  void recycle(std::vector<WaitingQuery> waiters);
  [[nodiscard]] const Group* find(uint64_t cookie);
  // Its waiters, at whichever worker, were given something stale.
  [[nodiscard]] bool is_overdue(const CacheKey& key) { return shared_.is_overdue(key, key.hash()); }
  [[nodiscard]] size_t waiting() const noexcept { return waiting_; }
  // Does anybody wait for a question that was asked by then? Looks at all: for an end, not for every day.
  [[nodiscard]] bool waits_since(MonoTime then);

 private:
  static SharedQuestions::Question question_of(const Group& group) noexcept {
    return {group.key, group.hash, group.domain};
  }
  SharedQuestions::Claim claim(const CacheKey& key, size_t most_of_domain);
  bool make_room(MonoTime now, size_t held, Handle joined);
  void leave_unattended(Group& group) noexcept;
  void forget(std::span<const WaitingQuery> waiters);

  SharedQuestions& shared_;
  Follower& worker_;
  Slab<Group> groups_;
  size_t waiting_ = 0;
  size_t unattended_ = 0;  // questions
  size_t hand_ = 0;        // the place where room was looked for last
  std::vector<Group> displaced_;
  std::vector<std::vector<WaitingQuery>> spare_;
};

}  // namespace cenote
