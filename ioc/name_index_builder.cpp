#include <algorithm>
#include <bit>

#include "ioc/name_index_layout.h"

namespace cenote {

using namespace name_index;

namespace {

// What add() noted, name by name.
class Pending {
 public:
  explicit Pending(Bytes bytes) : bytes_(bytes) {}
  void next() {
    shared = bytes_[at_];
    const size_t size = bytes_[at_ + 1] | static_cast<size_t>(bytes_[at_ + 2]) << 8;
    tail = bytes_.subspan(at_ + 3, size);
    at_ += 3 + size;
  }
  size_t shared = 0;
  Bytes tail;  // with the zero byte at the end

 private:
  Bytes bytes_;
  size_t at_ = 0;
};

}  // namespace

void NameIndexBuilder::add(Bytes key, Posting posting) {
  const Bytes last(last_.data(), last_size_);
  const size_t most = std::min(key.size(), last.size());
  const auto shared = static_cast<size_t>(
      std::mismatch(last.begin(), last.begin() + static_cast<ptrdiff_t>(most), key.begin()).first -
      last.begin());
  size_t from = std::min(shared, kMaxShared);
  if (postings_.size() % kBlockNames == 0) {
    from = postings_.empty() ? 0 : shared + 1;
    add_separator(key, from);
    pending_.push_back(0);  // a block is read from its separator on
  } else {
    pending_.push_back(static_cast<uint8_t>(from));
    ++length_counts_[from];
  }
  const Bytes tail = key.subspan(std::min(from, key.size()));
  pending_.push_back(static_cast<uint8_t>(tail.size()));
  pending_.push_back(static_cast<uint8_t>(tail.size() >> 8));
  pending_.insert(pending_.end(), tail.begin(), tail.end());
  for (size_t i = 0; i + 1 < tail.size(); ++i) {
    ++byte_counts_[tail[i]];
  }
  ++byte_counts_[kEndSymbol];
  postings_.push_back(posting);
  size_t depth = 0;
  hashes_.push_back(hash_key(key, hash_seed_, depth));
  depths_[depth / 64] |= uint64_t{1} << (depth % 64);
  std::copy(key.begin(), key.end(), last_.begin());
  last_size_ = key.size();
}

// The shortest bytes that lie above the name before and not above this one.
void NameIndexBuilder::add_separator(Bytes key, size_t size) {
  const Bytes separator = key.first(size);
  fronts_.push_back(front_of(separator));
  const Bytes tail = separator.subspan(std::min(separator.size(), kFrontBytes));
  tails_.insert(tails_.end(), tail.begin(), tail.end());
  tail_offsets_.push_back(static_cast<uint32_t>(tails_.size()));
}

void NameIndexBuilder::write_postings(std::span<const Posting> postings, std::vector<uint8_t>& out) const {
  const auto value_of = [](Posting posting) { return posting.is_fresh() ? 0 : posting.index() + 1; };
  uint32_t highest = 0;
  bool is_uniform = true;
  const Posting* first_fresh = nullptr;
  for (const Posting& posting : postings) {
    highest = std::max(highest, value_of(posting));
    is_uniform = is_uniform && value_of(posting) == value_of(postings.front());
    first_fresh = first_fresh == nullptr && posting.is_fresh() ? &posting : first_fresh;
  }
  const auto width = static_cast<uint32_t>(std::bit_width(highest));
  BitWriter bits(out);
  bits.put(width | (is_uniform ? kUniform : 0) | (first_fresh != nullptr ? kHasFresh : 0), 8);
  if (first_fresh != nullptr) {
    bits.put(first_fresh->index(), 32);
  }
  for (const Posting& posting : is_uniform ? postings.first(1) : postings) {
    bits.put(value_of(posting), width);
  }
  bits.align();
}

void NameIndexBuilder::write_blocks(ImageWriter& out) {
  const std::vector<uint8_t> length_bits = PrefixEncoder::lengths_for(length_counts_);
  const std::vector<uint8_t> byte_bits = PrefixEncoder::lengths_for(byte_counts_);
  const PrefixEncoder lengths(length_bits);
  const PrefixEncoder symbols(byte_bits);
  std::vector<uint8_t> blocks;
  blocks.reserve(postings_.size() * 6);
  std::vector<uint32_t> offsets;
  Pending pending(pending_);
  for (size_t first = 0; first < postings_.size(); first += kBlockNames) {
    const size_t count = std::min(kBlockNames, postings_.size() - first);
    offsets.push_back(static_cast<uint32_t>(blocks.size()));
    write_postings(std::span<const Posting>(postings_).subspan(first, count), blocks);
    BitWriter bits(blocks);
    for (size_t i = 0; i < count; ++i) {
      pending.next();
      if (i != 0) {
        lengths.put(bits, pending.shared);
      }
      for (size_t k = 0; k + 1 < pending.tail.size(); ++k) {
        symbols.put(bits, pending.tail[k]);
      }
      symbols.put(bits, kEndSymbol);
    }
    bits.align();
  }
  offsets.push_back(static_cast<uint32_t>(blocks.size()));
  blocks.resize(blocks.size() + BitReader::kPadding);
  out.add_items<uint32_t>(kBlockOffsetsSection, offsets);
  out.add(kBlocksSection, blocks);
  std::vector<uint8_t> codes(length_bits);
  codes.insert(codes.end(), byte_bits.begin(), byte_bits.end());
  out.add(kCodesSection, codes);
}

void NameIndexBuilder::finish(ImageWriter& out) {
  write_blocks(out);
  NameIndexHead head{};
  head.names = postings_.size();
  head.hash_seed = hash_seed_;
  head.depths = depths_;
  head.filter_lines = static_cast<uint32_t>(
      (postings_.size() * kFilterBitsPerName + sizeof(FilterLine) * 8 - 1) / (sizeof(FilterLine) * 8));
  std::vector<FilterLine> filter(head.filter_lines);
  for (const uint64_t hash : hashes_) {
    set_filter_bits(filter[filter_line(hash, head.filter_lines)], hash);
  }
  out.add_items<NameIndexHead>(kHeadSection, std::span<const NameIndexHead>(&head, 1));
  out.add_items<FilterLine>(kFilterSection, filter);
  out.add_items<uint64_t>(kFrontsSection, fronts_);
  out.add_items<uint32_t>(kTailOffsetsSection, tail_offsets_);
  out.add(kTailsSection, tails_);
}

}  // namespace cenote
