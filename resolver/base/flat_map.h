// A map by 64-bit keys that are hashes already, for what changes with each query: open addressing in one
// array, no allocation but to grow, no tombstones. One thread. Pointers hold until the next change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace cenote {

template <typename Value>
class FlatMap {
 public:
  [[nodiscard]] Value* find(uint64_t key) noexcept {
    const size_t at = place_of(key);
    return slots_[at].is_used ? &slots_[at].value : nullptr;
  }

  // What is there, or a new Value{}.
  Value& operator[](uint64_t key) {
    size_t at = place_of(key);
    if (!slots_[at].is_used) {
      if ((size_ + 1) * 2 > slots_.size()) {
        grow();
        at = place_of(key);
      }
      slots_[at] = {key, Value{}, true};
      ++size_;
    }
    return slots_[at].value;
  }

  void erase(uint64_t key) noexcept {
    size_t hole = place_of(key);
    if (!slots_[hole].is_used) {
      return;
    }
    // Whoever was pushed beyond its own place moves back, so that no search ends too early (Knuth, volume 3,
    // section 6.4, algorithm R).
    for (size_t at = next(hole); slots_[at].is_used; at = next(at)) {
      const size_t home = slots_[at].key & mask();
      if (((at - home) & mask()) >= ((at - hole) & mask())) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole] = Slot{};
    --size_;
  }

  void clear() noexcept {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    size_ = 0;
  }
  [[nodiscard]] size_t size() const noexcept { return size_; }

 private:
  struct Slot {
    uint64_t key = 0;
    Value value{};
    bool is_used = false;
  };

  [[nodiscard]] size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] size_t next(size_t at) const noexcept { return (at + 1) & mask(); }
  // Where the key is, or would be.
  [[nodiscard]] size_t place_of(uint64_t key) const noexcept {
    size_t at = key & mask();
    while (slots_[at].is_used && slots_[at].key != key) {
      at = next(at);
    }
    return at;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.is_used) {
        slots_[place_of(slot.key)] = slot;
      }
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  size_t size_ = 0;
};

}  // namespace cenote
