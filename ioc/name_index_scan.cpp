// Reading a name index from front to back: the cursor, and counting.
#include <algorithm>

#include "ioc/name_index_block.h"

namespace cenote {

using namespace name_index;

// The names of one block, one after the other.
class NameBlockReader {
 public:
  NameBlockReader(const NameIndex& index, size_t number) noexcept
      : index_(index),
        count_(names_in_block(index.head_.names, number)),
        postings_(index.blocks_, index.block_offsets_[number], count_),
        in_(index.blocks_, postings_.names_at()) {
    size_ = index.separator(number, key_).size();  // the first name goes on from it
  }

  // False at the end, and where the image is damaged.
  bool next() noexcept {
    if (at_ == count_) {
      return false;
    }
    const size_t shared = at_ == 0 ? size_ : index_.lengths_code_.take(in_);
    if (shared > size_) {
      return false;
    }
    size_ = shared;
    for (unsigned symbol = 0; (symbol = index_.bytes_code_.take(in_)) != kEndSymbol;) {
      if (symbol == PrefixDecoder::kNoSymbol || size_ + 1 >= kMaxKeyBytes) {
        return false;
      }
      key_[size_++] = static_cast<uint8_t>(symbol);
    }
    if (size_ != 0) {
      key_[size_++] = 0;
    }
    ++at_;
    return true;
  }
  [[nodiscard]] Bytes key() const noexcept { return {key_.data(), size_}; }
  [[nodiscard]] Posting posting() const noexcept { return postings_.at(at_ - 1); }
  [[nodiscard]] size_t read() const noexcept { return at_; }  // names so far
  [[nodiscard]] bool is_at_end() const noexcept { return at_ == count_; }

 private:
  const NameIndex& index_;
  size_t count_;
  BlockPostings postings_;
  BitReader in_;
  size_t at_ = 0;
  size_t size_ = 0;
  std::array<uint8_t, kMaxKeyBytes> key_;
};

NameCursor::NameCursor(const NameIndex& index)
    : block_(index.size() == 0 ? nullptr : std::make_unique<NameBlockReader>(index, 0)), index_(index) {}
NameCursor::~NameCursor() = default;

bool NameCursor::next() {
  if (block_ == nullptr) {
    return false;
  }
  if (block_->is_at_end() && number_ + 1 < index_.fronts_.size()) {
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
