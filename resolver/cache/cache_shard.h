// A part of the cache: the table of its answers, their order, and what was taken out and may still be read.
// Eviction is SIEVE (Zhang and others, NSDI 2024): one bit a hit, and a flood of names that are asked once
// leaves before it can push out what is asked often.
//
// Threads: any. find() takes no lock and writes nothing; the rest takes the shard's. What find() gives holds
// until the caller leaves its Quiescence::Reader; without one, until the next call that is not const.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "resolver/base/quiescence.h"
#include "resolver/cache/cached_answer.h"

namespace cenote {

class alignas(64) CacheShard {
 public:
  struct Counts {
    uint64_t inserted = 0;
    uint64_t evicted = 0;
    uint64_t entries = 0;
    uint64_t bytes = 0;
    uint64_t refused = 0;  // not kept, for a thread that stands still keeps too much from being freed
  };

  CacheShard(Quiescence& quiescence, uint64_t capacity);
  ~CacheShard();
  CacheShard(const CacheShard&) = delete;
  CacheShard& operator=(const CacheShard&) = delete;

  // `hash`: of the name and the type; `name`: the key's or one above it. An answer that moves at this very
  // moment may be missed.
  [[nodiscard]] CachedAnswer* find(const CacheKey& key, Bytes name, uint64_t hash,
                                   uint16_t type) const noexcept;
  // Takes the place of what answers the same, and of what says the contrary: the key's answer of type
  // `contrary`. Null: too much that was taken out may still be read.
  CachedAnswer* insert(const CacheKey& key, uint64_t name_hash, CachedAnswer::Ptr answer,
                       std::optional<uint16_t> contrary = {}) noexcept;
  void clear() noexcept;
  [[nodiscard]] Counts counts() const noexcept;

 private:
  // A pointer to an answer and, in the bits that the pointer leaves, some of its hash: most mismatches never
  // touch the answer.
  class Place {
   public:
    explicit Place(uint64_t bits = 0) noexcept : bits_(bits) {}
    Place(CachedAnswer* answer, uint64_t hash) noexcept
        : bits_(reinterpret_cast<uint64_t>(answer) | tag_of(hash) << kPointerBits) {}
    [[nodiscard]] bool is_used() const noexcept { return bits_ != 0; }
    [[nodiscard]] bool may_be_of(uint64_t hash) const noexcept {
      return bits_ >> kPointerBits == tag_of(hash);
    }
    [[nodiscard]] CachedAnswer* answer() const noexcept {
      return reinterpret_cast<CachedAnswer*>(bits_ & ((uint64_t{1} << kPointerBits) - 1));
    }
    [[nodiscard]] uint64_t bits() const noexcept { return bits_; }

   private:
    static constexpr unsigned kPointerBits = PackedPointer<CachedAnswer>::kBits;
    static uint64_t tag_of(uint64_t hash) noexcept { return hash >> kPointerBits; }
    uint64_t bits_;
  };

  // Open addressing, linear probing, backward-shift deletion; at most three quarters are used.
  struct Table {
    explicit Table(size_t size) : mask(size - 1), places(std::make_unique<std::atomic<uint64_t>[]>(size)) {}
    [[nodiscard]] Place at(size_t i) const noexcept { return Place(places[i].load()); }
    void set(size_t i, Place place) noexcept { places[i].store(place.bits()); }
    [[nodiscard]] size_t home(uint64_t hash) const noexcept { return hash & mask; }
    [[nodiscard]] size_t next(size_t i) const noexcept { return (i + 1) & mask; }
    void put(CachedAnswer* answer, uint64_t hash) noexcept;

    const size_t mask;
    const std::unique_ptr<std::atomic<uint64_t>[]> places;
    std::unique_ptr<Table> replaced;  // by this one: may still be read
    uint64_t retired = 0;             // `replaced` was, under this number
  };

  static constexpr size_t kFirstPlaces = 64;
  static constexpr size_t kLeastFreed = 8;  // at once: a look at the readers is for several
  static constexpr size_t kMostFreed =
      64;  // by one who inserts: after a worker stood still there may be many

  [[nodiscard]] static CachedAnswer* lookup(const Table& table, const CacheKey& key, Bytes name,
                                            uint64_t hash, uint16_t type) noexcept;
  void take_out_same(const CacheKey& key, uint64_t name_hash, uint16_t type) noexcept;
  void take_out(CachedAnswer* answer, uint64_t hash) noexcept;
  void evict_one() noexcept;
  void make_room() noexcept;
  void retire(CachedAnswer* answer) noexcept;
  void free_retired() noexcept;

  std::atomic<Table*> table_;  // is read by everybody, and is owner_
  Quiescence& quiescence_;
  const uint64_t capacity_;
  alignas(64) mutable std::mutex mutex_;
  std::unique_ptr<Table> owner_;
  PackedPointer<CachedAnswer> newest_;
  PackedPointer<CachedAnswer> oldest_;
  PackedPointer<CachedAnswer> hand_;
  // Taken out, the oldest first: in newer_ the next one, in older_ under which number.
  CachedAnswer* first_retired_ = nullptr;
  CachedAnswer* last_retired_ = nullptr;
  size_t retired_ = 0;
  uint64_t retired_bytes_ = 0;
  Counts counts_;
};

}  // namespace cenote
