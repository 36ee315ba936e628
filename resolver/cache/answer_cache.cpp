#include "resolver/cache/answer_cache.h"

#include <array>

#include "resolver/dns/record_ttls.h"

namespace cenote {
namespace {

// RFC 9520 section 3.2: at least 1 s, at most 5 min; short, because our upstreams are few and a person waits.
constexpr seconds kFailureTtl{5};
// RFC 8767 section 5: not asked again for 30 s, so that nobody waits for an upstream that is gone.
constexpr seconds kStalePause{30};
// An answer larger than this is not worth the place of thousands of others (CVE-2024-25590).
constexpr size_t kMaxEntryMessage = 16384;
// So many that two workers seldom want one at once, none so small that a large answer empties it.
constexpr size_t kMostShards = 64;
constexpr uint64_t kLeastShardBytes = uint64_t{1} << 20;

size_t count_shards(uint64_t bytes) noexcept {
  return std::bit_floor(std::clamp<size_t>(bytes / kLeastShardBytes, 1, kMostShards));
}

}  // namespace

AnswerCache::AnswerCache(const CacheSettings& settings) : settings_(settings) {
  const size_t count = count_shards(settings.bytes);
  for (size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<CacheShard>(quiescence_, settings.bytes / count));
  }
}

AnswerCache::~AnswerCache() = default;

AnswerCache::Entry* AnswerCache::find(const CacheKey& key, MonoTime now, bool* has_stale) noexcept {
  const Bytes name = key.name.wire();
  const uint64_t name_hash = key.name_hash();
  const CacheShard& shard = shard_of(name_hash);
  Entry* entry = shard.find(key, name, hash_of_type(name_hash, key.type), key.type);
  if (entry == nullptr || !entry->is_fresh(now)) {
    Entry* denied = shard.find(key, name, hash_of_type(name_hash, Entry::kNoSuchName), Entry::kNoSuchName);
    if (denied != nullptr && (entry == nullptr || denied->is_fresh(now))) {
      entry = denied;
    }
  }
  // Where upstream failed lately a stale answer is given without asking again (RFC 8767 section 5).
  const auto is_given_stale = [&] {
    return entry->is_paused(now) && entry->is_usable_stale(now, settings_.serve_stale);
  };
  if (entry == nullptr || (!entry->is_fresh(now) && !is_given_stale())) {
    if (has_stale != nullptr) {
      *has_stale = entry != nullptr;
    }
    return nullptr;
  }
  entry->note_use();
  return entry;
}

AnswerCache::Entry* AnswerCache::find_cut(const CacheKey& key, MonoTime now) noexcept {
  if (key.dnssec_ok || settings_.nxdomain_cut == NxdomainCut::kOff) {
    return nullptr;
  }
  const NameLabels labels(key.name);
  for (size_t i = 1; i < labels.count(); ++i) {
    const Bytes above = key.name.wire().subspan(labels.offset(i));
    const uint64_t name_hash = hash_of_name(above, key.partition, key.flags());
    Entry* entry =
        shard_of(name_hash).find(key, above, hash_of_type(name_hash, Entry::kNoSuchName), Entry::kNoSuchName);
    if (entry != nullptr && entry->is_fresh(now) && !entry->has_error()) {
      entry->note_use();
      return entry;
    }
  }
  return nullptr;
}

AnswerCache::Entry* AnswerCache::find_stale(const CacheKey& key, MonoTime now) noexcept {
  const uint64_t name_hash = key.name_hash();
  const CacheShard& shard = shard_of(name_hash);
  for (const uint16_t type : {key.type, Entry::kNoSuchName}) {
    Entry* entry = shard.find(key, key.name.wire(), hash_of_type(name_hash, type), type);
    if (entry != nullptr && !entry->is_failure() && entry->is_usable_stale(now, settings_.serve_stale)) {
      return entry;
    }
  }
  return nullptr;
}

// Whether no type of the question's name exists, and nothing below it. Servers that deny a name which has
// other types, or names below it, are many (RFC 4074 section 4.2, empty non-terminals).
bool AnswerCache::denies_name(const ScrubbedResponse& response) const noexcept {
  if (response.rcode != Rcode::kNxDomain || response.has_chain) {
    return false;
  }
  const bool is_proven = (response.message[3] & flag::kAd) != 0;  // only from upstreams that are trusted
  return settings_.nxdomain_cut == NxdomainCut::kAll ||
         (settings_.nxdomain_cut == NxdomainCut::kProven && is_proven);
}

AnswerCache::Entry* AnswerCache::insert(const CacheKey& key, ScrubbedResponse& response, MonoTime now) {
  const seconds most = response.negative ? settings_.max_negative_ttl : settings_.max_ttl;
  cap_ttls(response.message, response.ttl_offsets, static_cast<uint32_t>(most.count()));
  const seconds ttl = std::min(seconds{response.ttl}, most);
  if (response.is_failure() || ttl.count() == 0 || (response.negative && !response.has_soa) ||
      response.message.size() > kMaxEntryMessage) {
    return nullptr;
  }
  // What was known before of the name's existence is no longer so.
  const bool denies = denies_name(response);
  const uint16_t type = denies ? Entry::kNoSuchName : key.type;
  const uint16_t contrary = denies ? key.type : Entry::kNoSuchName;
  const uint64_t name_hash = key.name_hash();
  const UpstreamError* error = response.error ? &*response.error : nullptr;
  auto made =
      Entry::make(key, type, response.rcode, {response.message, response.ttl_offsets, error}, {now, ttl});
  // Out of memory costs a cache entry, nothing else.
  return made ? shard_of(name_hash).insert(key, name_hash, std::move(made), contrary) : nullptr;
}

void AnswerCache::insert_failure(const CacheKey& key, MonoTime now) {
  if (Entry* old = find_stale(key, now)) {
    old->pause(now, kStalePause);  // A stale answer is worth more than the knowledge that it failed.
    return;
  }
  std::array<uint8_t, kHeaderBytes + kMaxNameBytes> question{};  // whose name it is
  const Bytes name = key.name.wire();
  std::copy(name.begin(), name.end(), question.begin() + kHeaderBytes);
  const Entry::Content content{Bytes(question).first(kHeaderBytes + name.size()), {}};
  const uint64_t name_hash = key.name_hash();
  if (auto made = Entry::make(key, key.type, Rcode::kServFail, content, {now, kFailureTtl}, true)) {
    shard_of(name_hash).insert(key, name_hash, std::move(made));
  }
}

void AnswerCache::clear() noexcept {
  for (const auto& shard : shards_) {
    shard->clear();
  }
}

CacheShard::Counts AnswerCache::counts() const noexcept {
  CacheShard::Counts all;
  for (const auto& shard : shards_) {
    const CacheShard::Counts of = shard->counts();
    all.inserted += of.inserted;
    all.evicted += of.evicted;
    all.entries += of.entries;
    all.bytes += of.bytes;
    all.refused += of.refused;
  }
  return all;
}

}  // namespace cenote
