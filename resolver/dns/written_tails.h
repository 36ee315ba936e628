// Where names and their tails stand in a message that is being written, so that a later one can point there
// (RFC 1035 section 4.1.4). What a look-up costs does not grow with what was written: an answer may hold
// 8,000 tails, all of its author's choice.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "resolver/dns/name.h"

namespace cenote {

// Of each tail of a name, keyed per process: nobody outside can choose tails that collide.
class TailHashes {
 public:
  TailHashes(const Name& name, const NameLabels& labels) noexcept;
  // Of the tail that begins with this label.
  [[nodiscard]] uint32_t of(size_t label) const noexcept { return hashes_[label]; }

 private:
  std::array<uint32_t, kMaxLabels> hashes_;
};

class WrittenTails {
 public:
  [[nodiscard]] bool empty() const noexcept { return tails_.empty(); }
  // A pointer has 14 bits, so nobody can point beyond this.
  static constexpr size_t kReach = 0x3FFF;
  // REQUIRES: offset <= kReach, each once.
  void add(uint32_t hash, size_t offset);
  // The offset with this hash for which `is_same(offset)` is true. Looks at a few at most.
  template <typename IsSame>
  [[nodiscard]] std::optional<uint16_t> find(uint32_t hash, IsSame&& is_same) const {
    size_t tries = 0;
    for (uint16_t at = first(hash); at != 0 && tries < kMostTries; at = tails_[at - 1U].next, ++tries) {
      const Tail& tail = tails_[at - 1U];
      if (tail.hash == hash && is_same(tail.offset)) {
        return tail.offset;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr size_t kFew = 16;  // most answers have no more, and need no table
  static constexpr size_t kBuckets = 2048;
  // A bucket holds four on average when a message has all it can. Whoever finds none writes the name out.
  static constexpr size_t kMostTries = 32;
  static_assert(kFew <= kMostTries);
  struct Tail {
    uint32_t hash;
    uint16_t offset;
    uint16_t next;  // in its bucket: 1 + an index, 0: none
  };
  [[nodiscard]] uint16_t first(uint32_t hash) const noexcept {
    return buckets_.empty() ? newest_ : buckets_[hash % kBuckets];
  }
  void spread();

  boost::container::small_vector<Tail, kFew> tails_;
  uint16_t newest_ = 0;            // while there are few: all are in one bucket
  std::vector<uint16_t> buckets_;  // empty while there are few
};

}  // namespace cenote
