// What all workers' waiting queries share: which questions are under way, so that one upstream question
// serves whoever asks, at any worker (RFC 5452 section 5), and how many places clients and domains hold.
//
// A worker claims a question before it asks upstream. Who comes second waits for the first one's answer: it
// is a follower. A worker that gives up on its question says so to its followers, and one of them goes on.
//
// Threads: any. Takes a lock, so it is for what must wait, never for what is answered at once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "resolver/base/flat_map.h"
#include "resolver/base/slab.h"
#include "resolver/cache/cached_answer.h"

namespace cenote {

struct Resolution;

// A worker, to the others.
class Follower {
 public:
  // The question that it follows has ended with this; null: nobody asks it any more. From any thread: it does
  // no work of its own there.
  virtual void on_followed(uint64_t cookie, std::shared_ptr<const Resolution> resolution) = 0;

 protected:
  ~Follower() = default;
};

class SharedQuestions {
 public:
  struct Question {
    const CacheKey& key;
    uint64_t hash;    // the key's
    uint64_t domain;  // whose questions are counted together
  };
  struct Member {
    Follower* worker = nullptr;
    uint64_t cookie = 0;  // by which the worker knows the question

    bool operator==(const Member&) const = default;
  };
  struct Claim {
    enum class Kind : uint8_t {
      kFirst,    // to be asked upstream, with the new cookie
      kFollows,  // another worker has asked; the new cookie will be told
      kJoins,    // this worker knows it already, by that cookie
      kTooMany,  // of its domain
    };
    Kind kind;
    uint64_t cookie = 0;
  };

  // For a question that this worker did not know `make_cookie(domain)` is called once, for one that nobody
  // asks `domain()` before it: of the others the domain is 0. Neither may come back here.
  template <typename Domain, typename MakeCookie>
  Claim claim(const CacheKey& key, uint64_t hash, Follower& worker, size_t most_of_domain, Domain&& domain,
              MakeCookie&& make_cookie) {
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    UnderWay* under_way = shard.find(key, hash);
    if (under_way == nullptr) {
      const uint64_t counted = domain();
      if (!take(domains_, counted, most_of_domain)) {
        return {Claim::Kind::kTooMany};
      }
      const Member first{&worker, make_cookie(counted)};
      shard.add(key, hash, first);
      return {Claim::Kind::kFirst, first.cookie};
    }
    if (const Member* member = under_way->find(worker)) {
      return {Claim::Kind::kJoins, member->cookie};
    }
    under_way->followers.push_back({&worker, make_cookie(uint64_t{0})});
    return {Claim::Kind::kFollows, under_way->followers.back().cookie};
  }
  // The one who asks has the answer, or gives up: the question is under way no more. Gives those who follow.
  std::vector<Member> finish(const Question& question, const Member& first);
  // A follower waits no more.
  void leave(const Question& question, const Member& follower);
  // Its answer takes longer than clients wait: who comes later is not to wait for it either.
  void set_overdue(const Question& question);
  [[nodiscard]] bool is_overdue(const CacheKey& key, uint64_t hash);

  // Places of a client, by a hash of its address. False: it holds so many.
  bool take_place(uint64_t client, size_t most) { return take(clients_, client, most); }
  void give_place(uint64_t client) noexcept { give(clients_, client); }
  [[nodiscard]] size_t places_of(uint64_t client) noexcept;

 private:
  struct UnderWay {
    CacheKey key;
    Member first;
    bool is_overdue = false;
    std::vector<Member> followers;

    [[nodiscard]] const Member* find(const Follower& worker) const noexcept;
  };
  // On cache lines of its own.
  struct alignas(64) Shard {
    UnderWay* find(const CacheKey& key, uint64_t hash) noexcept;
    void add(const CacheKey& key, uint64_t hash, const Member& first);

    std::mutex mutex;
    Slab<UnderWay> questions;
    FlatMap<Handle> by_hash;  // of two questions with one hash the later is not found: it is asked twice
  };
  struct alignas(64) Counts {
    std::mutex mutex;
    FlatMap<size_t> of;
  };
  static constexpr size_t kShards = 64;  // two workers seldom want one at once
  using AllCounts = std::array<Counts, kShards>;

  Shard& shard_of(uint64_t hash) noexcept { return shards_[(hash >> kShardBits) % kShards]; }
  static bool take(AllCounts& counts, uint64_t key, size_t most);
  static void give(AllCounts& counts, uint64_t key) noexcept;
  static constexpr unsigned kShardBits = 48;  // the low ones choose a place in a shard

  std::array<Shard, kShards> shards_;
  AllCounts clients_;
  AllCounts domains_;  // questions under way
};

}  // namespace cenote
