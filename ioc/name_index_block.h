// The parts of a block of a name index, for those that read it: postings in front, names behind.
#pragma once

#include "ioc/name_index_layout.h"

namespace cenote::name_index {

// The postings that stand in front of a block's names.
class BlockPostings {
 public:
  BlockPostings(Bytes blocks, size_t offset, size_t names) noexcept
      : blocks_(blocks), names_(names), width_(0), fresh_base_(0) {
    BitReader in(blocks, offset);
    const uint32_t head = in.take(8);
    width_ = head & kWidthMask;
    is_uniform_ = (head & kUniform) != 0;
    fresh_base_ = (head & kHasFresh) != 0 ? in.take(32) : 0;
    first_ = offset + 1 + ((head & kHasFresh) != 0 ? 4 : 0);
    const size_t bits = size_t{width_} * (is_uniform_ ? 1 : names_);
    names_at_ = first_ + (bits + 7) / 8;
  }
  // Where the names begin.
  [[nodiscard]] size_t names_at() const noexcept { return names_at_; }

  [[nodiscard]] Posting at(size_t i) const noexcept {
    const uint32_t value = value_at(is_uniform_ ? 0 : i);
    if (value != 0) {
      return Posting::shared((value - 1) & Posting::kMost);
    }
    uint32_t before = 0;
    if (is_uniform_) {
      before = static_cast<uint32_t>(i);
    } else {
      for (size_t k = 0; k < i; ++k) {
        before += value_at(k) == 0 ? 1U : 0U;
      }
    }
    return Posting::fresh((fresh_base_ + before) & Posting::kMost);
  }

 private:
  [[nodiscard]] uint32_t value_at(size_t i) const noexcept {
    const size_t bit = i * width_;
    BitReader in(blocks_, first_ + bit / 8);
    in.skip(static_cast<unsigned>(bit % 8));
    return in.take(width_);
  }

  Bytes blocks_;
  size_t names_;
  uint32_t width_;
  bool is_uniform_;
  uint32_t fresh_base_;
  size_t first_;
  size_t names_at_;
};

inline size_t names_in_block(uint64_t names, size_t block) noexcept {
  const uint64_t before = uint64_t{block} * kBlockNames;
  return static_cast<size_t>(std::min<uint64_t>(kBlockNames, names - std::min(before, names)));
}

}  // namespace cenote::name_index
