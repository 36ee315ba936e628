// What upstream said, by question, bounded in bytes; one cache for all workers. Policy is not in here: it
// runs before the look-up and on what is found (docs/decisions/0004-policy-around-cache.md), so a pushed
// indicator acts at once without a flush.
//
// Threads: any. A worker finds without a lock and writes nothing that others read, but for the few bits of
// CachedAnswer::note_use(); it enters a Quiescence::Reader of quiescence() first, and what it finds, or
// inserts, holds until it leaves. Without one: until the next call that is not const.
// See docs/decisions/0013-one-cache.md.
#pragma once

#include <memory>
#include <vector>

#include "resolver/cache/cache_shard.h"
#include "resolver/cache/settings.h"

namespace cenote {

class AnswerCache {
 public:
  using Entry = CachedAnswer;

  explicit AnswerCache(const CacheSettings& settings);
  ~AnswerCache();
  AnswerCache(const AnswerCache&) = delete;
  AnswerCache& operator=(const AnswerCache&) = delete;

  [[nodiscard]] Quiescence& quiescence() noexcept { return quiescence_; }

  // A fresh entry, or a stale one while upstream is known to fail, or null. That a name does not exist holds
  // for all its types (RFC 2308 section 5) where it is believed so far (NxdomainCut). `has_stale`, where it
  // is wanted: there was one that is neither, and find_stale() may have a use for it.
  Entry* find(const CacheKey& key, MonoTime now, bool* has_stale = nullptr) noexcept;
  // A fresh entry that says that some name above this one does not exist: then this one does not either (RFC
  // 8020 section 2), where that is believed so far. Not for DNSSEC's askers, whose proof names the question;
  // and not where upstream said more than that (RFC 8914): a filter's NXDOMAIN is of one name, what is below
  // may be allowed.
  Entry* find_cut(const CacheKey& key, MonoTime now) noexcept;
  // The same, but an expired entry within serve_stale is found too; for use when upstream fails.
  Entry* find_stale(const CacheKey& key, MonoTime now) noexcept;

  // Keeps a response for its TTL within the configured bounds. Returns null for what must not be cached: TTL
  // 0, a negative answer without SOA, an rcode that says nothing about the name. Either way no record of
  // `response` has a larger TTL afterwards than the cache would show, so that the first who gets it keeps it
  // no longer than the others.
  Entry* insert(const CacheKey& key, ScrubbedResponse& response, MonoTime now);
  Entry* insert(const CacheKey& key, ScrubbedResponse&& response, MonoTime now) {
    return insert(key, response, now);
  }
  // Remembers that resolution failed, so that a broken zone is not asked again at once. RFC 9520 section 3.2.
  void insert_failure(const CacheKey& key, MonoTime now);

  void clear() noexcept;
  [[nodiscard]] CacheShard::Counts counts() const noexcept;  // of all shards

 private:
  [[nodiscard]] bool denies_name(const ScrubbedResponse& response) const noexcept;
  // All types of a name are in one shard.
  [[nodiscard]] CacheShard& shard_of(uint64_t name_hash) const noexcept {
    return *shards_[(name_hash >> kShardBits) & (shards_.size() - 1)];
  }
  static constexpr unsigned kShardBits = 40;  // above what a table uses, below what a place keeps

  const CacheSettings settings_;
  Quiescence quiescence_;
  std::vector<std::unique_ptr<CacheShard>> shards_;  // a power of two
};

}  // namespace cenote
