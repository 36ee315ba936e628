#include "resolver/cache/cache_shard.h"

#include <new>

namespace cenote {
namespace {

// What was taken out and may still be read is at most this part of a shard: while a worker stands still,
// nothing is freed.
constexpr uint64_t kRetiredPart = 4;
constexpr uint64_t kLeastRetired = uint64_t{64} << 10;

}  // namespace

void CacheShard::Table::put(CachedAnswer* answer, uint64_t hash) noexcept {
  size_t i = home(hash);
  while (at(i).is_used()) {
    i = next(i);
  }
  set(i, Place(answer, hash));
}

CacheShard::CacheShard(Quiescence& quiescence, uint64_t capacity)
    : quiescence_(quiescence), capacity_(capacity), owner_(std::make_unique<Table>(kFirstPlaces)) {
  table_.store(owner_.get());
}

// Nobody reads any more.
CacheShard::~CacheShard() {
  clear();
  while (first_retired_ != nullptr) {
    CachedAnswer* const answer = std::exchange(first_retired_, first_retired_->newer_);
    CachedAnswer::Free()(answer);
  }
}

CachedAnswer* CacheShard::lookup(const Table& table, const CacheKey& key, Bytes name, uint64_t hash,
                                 uint16_t type) noexcept {
  size_t i = table.home(hash);
  for (Place place = table.at(i); place.is_used(); place = table.at(i)) {
    if (place.may_be_of(hash) && place.answer()->is_of(key, name, type)) {
      return place.answer();
    }
    i = table.next(i);
  }
  return nullptr;
}

CachedAnswer* CacheShard::find(const CacheKey& key, Bytes name, uint64_t hash, uint16_t type) const noexcept {
  return lookup(*table_.load(), key, name, hash, type);
}

CachedAnswer* CacheShard::insert(const CacheKey& key, uint64_t name_hash, CachedAnswer::Ptr answer,
                                 std::optional<uint16_t> contrary) noexcept {
  const uint64_t bytes = answer->bytes();
  const std::lock_guard lock(mutex_);
  free_retired();
  if (retired_bytes_ > std::max(kLeastRetired, capacity_ / kRetiredPart)) {
    ++counts_.refused;
    return nullptr;
  }
  take_out_same(key, name_hash, answer->type_);
  if (contrary) {
    take_out_same(key, name_hash, *contrary);
  }
  while (counts_.entries > 0 && counts_.bytes + bytes > capacity_) {
    evict_one();
  }
  make_room();
  CachedAnswer* const placed = answer.release();
  placed->older_ = newest_;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = placed;
  newest_ = placed;
  owner_->put(placed, hash_of_type(name_hash, placed->type_));
  ++counts_.inserted;
  ++counts_.entries;
  counts_.bytes += bytes;
  return placed;
}

// For one more. Without memory for a larger table somebody leaves.
void CacheShard::make_room() noexcept {
  const size_t size = owner_->mask + 1;
  if ((counts_.entries + 1) * 4 <= size * 3) {
    return;
  }
  try {
    auto larger = std::make_unique<Table>(size * 2);
    for (size_t i = 0; i < size; ++i) {
      if (const Place place = owner_->at(i); place.is_used()) {
        larger->put(place.answer(), place.answer()->hash());
      }
    }
    table_.store(larger.get());
    larger->replaced = std::exchange(owner_, nullptr);
    larger->retired = quiescence_.retire();
    owner_ = std::move(larger);
  } catch (const std::bad_alloc&) {
    evict_one();
  }
}

void CacheShard::take_out_same(const CacheKey& key, uint64_t name_hash, uint16_t type) noexcept {
  const uint64_t hash = hash_of_type(name_hash, type);
  if (CachedAnswer* answer = lookup(*owner_, key, key.name.wire(), hash, type)) {
    take_out(answer, hash);
  }
}

void CacheShard::take_out(CachedAnswer* answer, uint64_t hash) noexcept {
  counts_.bytes -= answer->bytes();
  --counts_.entries;
  if (hand_ == answer) {
    hand_ = answer->newer_;
  }
  (answer->newer_ != nullptr ? answer->newer_->older_ : newest_) = answer->older_;
  (answer->older_ != nullptr ? answer->older_->newer_ : oldest_) = answer->newer_;
  // Backward-shift deletion: what probed past the hole moves into it, so that no tombstones are needed.
  Table& table = *owner_;
  size_t hole = table.home(hash);
  while (table.at(hole).answer() != answer) {
    hole = table.next(hole);
  }
  for (size_t i = table.next(hole); table.at(i).is_used(); i = table.next(i)) {
    const Place place = table.at(i);
    if (((i - table.home(place.answer()->hash())) & table.mask) >= ((i - hole) & table.mask)) {
      table.set(hole, place);
      hole = i;
    }
  }
  table.set(hole, Place());
  retire(answer);
}

void CacheShard::evict_one() noexcept {
  CachedAnswer* candidate = hand_ != nullptr ? hand_ : oldest_;
  while (candidate->take_visited()) {
    candidate = candidate->newer_ != nullptr ? candidate->newer_ : oldest_;
  }
  hand_ = candidate->newer_;
  take_out(candidate, candidate->hash());
  ++counts_.evicted;
}

void CacheShard::retire(CachedAnswer* answer) noexcept {
  static_assert(sizeof(PackedPointer<CachedAnswer>) == 6);  // a number of 48 bits lasts for years
  const uint64_t number = quiescence_.retire();
  answer->newer_ = nullptr;
  answer->older_ = reinterpret_cast<CachedAnswer*>(number);
  if (last_retired_ != nullptr) {
    last_retired_->newer_ = answer;
  } else {
    first_retired_ = answer;
  }
  last_retired_ = answer;
  ++retired_;
  retired_bytes_ += answer->bytes();
}

// Looks at the readers for several at once.
void CacheShard::free_retired() noexcept {
  if (owner_->replaced && quiescence_.is_over(owner_->retired)) {
    owner_->replaced.reset();
  }
  if (retired_ < kLeastFreed) {
    return;
  }
  const auto is_over = [this] {
    const CachedAnswer* const number = first_retired_->older_;
    return quiescence_.is_over(reinterpret_cast<uint64_t>(number));
  };
  for (size_t i = 0; i < kMostFreed && first_retired_ != nullptr && is_over(); ++i) {
    CachedAnswer* const answer = std::exchange(first_retired_, first_retired_->newer_);
    last_retired_ = first_retired_ != nullptr ? last_retired_ : nullptr;
    --retired_;
    retired_bytes_ -= answer->bytes();
    CachedAnswer::Free()(answer);
  }
}

void CacheShard::clear() noexcept {
  const std::lock_guard lock(mutex_);
  while (newest_ != nullptr) {
    take_out(newest_, newest_->hash());
  }
}

CacheShard::Counts CacheShard::counts() const noexcept {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace cenote
