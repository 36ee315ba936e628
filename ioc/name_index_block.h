// One block of a name index, for those that read it. It holds, in this order:
//   a byte of head: how wide a posting is, and the three flags below;
//   a byte: how many bytes of the separator each of its names begins with;
//   the number of the first fresh posting (4 bytes, when there is one);
//   for each name, or once for all, 0 for the next fresh posting or 1 + the shared one;
//   for each name, how many bits its text has (a byte, or two in a wide block);
//   the texts: what each name has behind those bytes, without the zero byte that ends every key, in the code.
#pragma once

#include "ioc/name_index_layout.h"

namespace cenote::name_index {

// More names a block save directory bytes and lengthen what they do not share; 16 is where both are small.
constexpr size_t kBlockNames = 16;

constexpr uint32_t kWidthMask = 0x1F;
constexpr uint32_t kUniform = 0x20;   // one posting for all
constexpr uint32_t kHasFresh = 0x40;  // at least one is fresh
constexpr uint32_t kWide = 0x80;      // lengths of two bytes
constexpr size_t kMostShared = 255;   // names that share more repeat the bytes behind

class NameBlock {
 public:
  // REQUIRES: offset + BitReader::kPadding <= blocks.size().
  NameBlock(Bytes blocks, size_t offset, size_t names) noexcept
      : blocks_(blocks), names_(names), head_(blocks[offset]), shared_(blocks[offset + 1]) {
    postings_at_ = offset + 2;
    if ((head_ & kHasFresh) != 0) {
      std::memcpy(&fresh_base_, &blocks[postings_at_], sizeof fresh_base_);
      postings_at_ += sizeof fresh_base_;
    }
    lengths_at_ = postings_at_ + ((head_ & kWidthMask) * (is_uniform() ? 1 : names) + 7) / 8;
    texts_at_ = lengths_at_ + names * (is_wide() ? 2 : 1);
  }

  // False in a damaged image: nothing else may be asked then.
  [[nodiscard]] bool is_inside() const noexcept { return texts_at_ + BitReader::kPadding <= blocks_.size(); }
  [[nodiscard]] size_t names() const noexcept { return names_; }
  [[nodiscard]] size_t shared() const noexcept { return shared_; }
  [[nodiscard]] BitReader texts() const noexcept { return {blocks_, texts_at_}; }

  // Of the text of name `i`, in bits.
  [[nodiscard]] size_t length(size_t i) const noexcept {
    const uint8_t* at = &blocks_[lengths_at_ + (is_wide() ? 2 * i : i)];
    return is_wide() ? size_t{at[0]} + 256 * size_t{at[1]} : size_t{at[0]};
  }

  [[nodiscard]] Posting posting(size_t i) const noexcept {
    const uint32_t value = value_at(is_uniform() ? 0 : i);
    if (value != 0) {
      return Posting::shared((value - 1) & Posting::kMost);
    }
    uint32_t before = 0;
    if (is_uniform()) {
      before = static_cast<uint32_t>(i);
    } else {
      for (size_t k = 0; k < i; ++k) {
        before += value_at(k) == 0 ? 1U : 0U;
      }
    }
    return Posting::fresh((fresh_base_ + before) & Posting::kMost);
  }

 private:
  [[nodiscard]] bool is_uniform() const noexcept { return (head_ & kUniform) != 0; }
  [[nodiscard]] bool is_wide() const noexcept { return (head_ & kWide) != 0; }
  [[nodiscard]] uint32_t value_at(size_t i) const noexcept {
    BitReader in(blocks_, postings_at_, i * (head_ & kWidthMask));
    return in.take(head_ & kWidthMask);
  }

  Bytes blocks_;
  size_t names_;
  uint32_t head_;
  uint32_t shared_;
  uint32_t fresh_base_ = 0;
  size_t postings_at_;
  size_t lengths_at_;
  size_t texts_at_;
};

inline size_t names_in_block(uint64_t names, size_t block) noexcept {
  const uint64_t before = uint64_t{block} * kBlockNames;
  return static_cast<size_t>(std::min<uint64_t>(kBlockNames, names - std::min(before, names)));
}

// What a block says of a key that begins with `shared` bytes of its separator: the rest, without the end.
// Nothing is left of a key that ends with those bytes, nor of one that only its end follows: no two keys are
// the same up to that end.
inline Bytes text_of(Bytes key, size_t shared) noexcept {
  return shared < key.size() ? key.subspan(shared, key.size() - 1 - shared) : Bytes();
}

}  // namespace cenote::name_index
