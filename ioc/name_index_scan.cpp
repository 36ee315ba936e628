// Reading a name index from front to back: the cursor, and counting.
#include <algorithm>

#include "ioc/name_index_block.h"

namespace cenote {

using namespace name_index;

namespace {

bool begins_with(Bytes bytes, Bytes first) noexcept {
  return bytes.size() >= first.size() && std::equal(first.begin(), first.end(), bytes.begin());
}

}  // namespace

// The names of one block, one after the other.
class NameBlockReader {
 public:
  NameBlockReader(const NameIndex& index, size_t number) noexcept
      : index_(index),
        block_(index.blocks_, index.places_[number].block_at, names_in_block(index.head_.names, number)),
        in_(block_.texts()),
        is_damaged_(!block_.is_inside() || index.separator(number, key_).size() < block_.shared()) {}

  // False at the end, and where the image is damaged.
  bool next() noexcept {
    if (is_at_end() || is_damaged_) {
      return false;
    }
    size_ = block_.shared();
    const size_t end = in_.at() + block_.length(at_);
    while (in_.at() < end) {
      const unsigned symbol = index_.decoder_.take(in_);
      if (symbol == PrefixDecoder::kNoSymbol || size_ + 1 >= kMaxKeyBytes) {
        is_damaged_ = true;
        return false;
      }
      key_[size_++] = static_cast<uint8_t>(symbol);
    }
    if (size_ != 0 && key_[size_ - 1] != 0) {
      key_[size_++] = 0;
    }
    ++at_;
    return true;
  }
  [[nodiscard]] Bytes key() const noexcept { return {key_.data(), size_}; }
  [[nodiscard]] Posting posting() const noexcept { return block_.posting(at_ - 1); }
  [[nodiscard]] size_t read() const noexcept { return at_; }  // names so far
  [[nodiscard]] bool is_at_end() const noexcept { return at_ == block_.names(); }

 private:
  const NameIndex& index_;
  std::array<uint8_t, kMaxKeyBytes> key_;  // begins with the separator
  NameBlock block_;
  BitReader in_;
  bool is_damaged_;
  size_t at_ = 0;
  size_t size_ = 0;
};

NameCursor::NameCursor(const NameIndex& index)
    : block_(index.size() == 0 ? nullptr : std::make_unique<NameBlockReader>(index, 0)), index_(index) {}
NameCursor::~NameCursor() = default;

bool NameCursor::next() {
  if (block_ == nullptr) {
    return false;
  }
  if (block_->is_at_end() && number_ + 1 < index_.blocks_count()) {
    block_ = std::make_unique<NameBlockReader>(index_, ++number_);
  }
  if (!block_->next()) {
    block_.reset();
  }
  return block_ != nullptr;
}
Bytes NameCursor::key() const noexcept {
  return block_->key();
}
Posting NameCursor::posting() const noexcept {
  return block_->posting();
}

uint64_t NameIndex::count_smaller(Bytes key) const noexcept {
  const size_t number = block_of(key);
  NameBlockReader block(*this, number);
  size_t smaller = 0;
  while (block.next() && is_key_before(block.key(), key)) {
    smaller = block.read();
  }
  return uint64_t{number} * kBlockNames + smaller;
}

bool NameIndex::has_below(const Name& name) const noexcept {
  if (head_.names == 0) {
    return false;
  }
  const NameKey made(name);
  const Bytes key = made.bytes();
  const size_t number = block_of(key);
  for (NameBlockReader block(*this, number); block.next();) {
    if (is_key_before(key, block.key())) {  // what is below comes right behind
      return begins_with(block.key(), key);
    }
  }
  if (number + 1 == blocks_count()) {
    return false;
  }
  // The next block begins above the key, perhaps right below it in the tree.
  std::array<uint8_t, kMaxKeyBytes> buffer;
  return begins_with(separator(number + 1, buffer), key);
}

uint64_t NameIndex::count_below(Bytes key) const noexcept {
  if (head_.names == 0) {
    return 0;
  }
  const uint64_t own = posting_of(key) ? 1 : 0;
  if (key.empty()) {
    return head_.names - own;
  }
  // What is at or below begins with these bytes, and the last of them is zero: nothing lies between them and
  // the same bytes with a one there.
  std::array<uint8_t, kMaxKeyBytes> end;
  std::copy(key.begin(), key.end(), end.begin());
  end[key.size() - 1] = 1;
  const uint64_t first = count_smaller(key);
  const uint64_t last = count_smaller(Bytes(end).first(key.size()));
  return last < first + own ? 0 : last - first - own;  // less only in a damaged image
}

}  // namespace cenote
