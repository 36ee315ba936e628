#include <algorithm>
#include <bit>

#include "ioc/name_index_layout.h"

namespace cenote {

using namespace name_index;

namespace {

constexpr size_t kPieceBytes = 64 * 1024;

void write_postings(std::span<const Posting> postings, std::vector<uint8_t>& out) {
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

// How much of a key its name need not repeat: what it shares with the one before, or, where it begins a
// block, with the separator, which is the shortest that lies above the name before and not above this one.
size_t kept_of(Bytes last, Bytes key, size_t number) noexcept {
  const size_t most = std::min(key.size(), last.size());
  const auto shared = static_cast<size_t>(
      std::mismatch(last.begin(), last.begin() + static_cast<ptrdiff_t>(most), key.begin()).first -
      last.begin());
  if (number % kBlockNames != 0) {
    return std::min(shared, kMaxShared);
  }
  return number == 0 ? 0 : std::min(shared + 1, key.size());
}

}  // namespace

void NameIndexBuilder::add(Bytes key, uint32_t said) {
  const size_t kept = kept_of({last_.data(), last_size_}, key, size_);
  if (size_ % kBlockNames == 0) {
    add_separator(key.first(kept));
  } else {
    ++length_counts_[kept];
  }
  const Bytes tail = key.subspan(kept);
  for (size_t i = 0; i + 1 < tail.size(); ++i) {
    ++byte_counts_[tail[i]];
  }
  ++byte_counts_[kEndSymbol];
  writer_.put(key, {&said, 1});
  std::copy(key.begin(), key.end(), last_.begin());
  last_size_ = key.size();
  ++size_;
}

void NameIndexBuilder::add_separator(Bytes separator) {
  fronts_.push_back(front_of(separator));
  const Bytes tail = separator.subspan(std::min(separator.size(), kFrontBytes));
  tails_.insert(tails_.end(), tail.begin(), tail.end());
  tail_offsets_.push_back(static_cast<uint32_t>(tails_.size()));
}

// Names as blocks, one after the other: the postings of all its names stand before the first.
class NameIndexBuilder::BlockWriter {
 public:
  BlockWriter(const std::vector<uint8_t>& length_bits, const std::vector<uint8_t>& byte_bits,
              ImageWriter& out)
      : lengths_(length_bits), symbols_(byte_bits), out_(out) {
    out_.begin(kBlocksSection);
  }

  void add(Bytes key, Posting posting) {
    const size_t kept = kept_of({last_.data(), last_size_}, key, size_);
    if (size_++ % kBlockNames == 0) {
      end_block();
    } else {
      lengths_.put(bits_, kept);
    }
    const Bytes tail = key.subspan(kept);
    for (size_t i = 0; i + 1 < tail.size(); ++i) {
      symbols_.put(bits_, tail[i]);
    }
    symbols_.put(bits_, kEndSymbol);
    postings_.push_back(posting);
    std::copy(key.begin(), key.end(), last_.begin());
    last_size_ = key.size();
  }

  // Where each block begins; one more than blocks.
  std::vector<uint32_t> finish() && {
    end_block();
    offsets_.push_back(static_cast<uint32_t>(written_));
    out_.append(blocks_);
    out_.append(std::array<uint8_t, BitReader::kPadding>{});
    return std::move(offsets_);
  }

 private:
  void end_block() {
    if (postings_.empty()) {
      return;
    }
    bits_.align();
    const size_t before = blocks_.size();
    offsets_.push_back(static_cast<uint32_t>(written_));
    write_postings(postings_, blocks_);
    blocks_.insert(blocks_.end(), names_.begin(), names_.end());
    written_ += blocks_.size() - before;
    if (blocks_.size() >= kPieceBytes) {
      out_.append(blocks_);
      blocks_.clear();
    }
    names_.clear();
    postings_.clear();
  }

  PrefixEncoder lengths_;
  PrefixEncoder symbols_;
  ImageWriter& out_;
  std::vector<uint8_t> blocks_;  // whole ones
  std::vector<uint8_t> names_;   // of the block that is being filled
  BitWriter bits_{names_};
  std::vector<Posting> postings_;
  std::vector<uint32_t> offsets_;
  uint64_t written_ = 0;
  std::array<uint8_t, kMaxKeyBytes> last_;
  size_t last_size_ = 0;
  size_t size_ = 0;
};

void NameIndexBuilder::finish(ImageWriter& out, const std::function<Posting(uint32_t said)>& posting_of) {
  const std::vector<uint8_t> length_bits = PrefixEncoder::lengths_for(length_counts_);
  const std::vector<uint8_t> byte_bits = PrefixEncoder::lengths_for(byte_counts_);
  std::vector<FilterLine> filter((size_ * kFilterBitsPerName + sizeof(FilterLine) * 8 - 1) /
                                 (sizeof(FilterLine) * 8));
  const auto lines = static_cast<uint32_t>(filter.size());
  BlockWriter blocks(length_bits, byte_bits, out);
  for (SortedNamesReader names(names_); names.next();) {
    size_t depth = 0;
    const uint64_t hash = hash_key(names.key(), hash_seed_, depth);
    depths_[depth / 64] |= uint64_t{1} << (depth % 64);
    set_filter_bits(filter[filter_line(hash, lines)], hash);
    blocks.add(names.key(), posting_of(names.numbers().front()));
  }
  out.add_items<uint32_t>(kBlockOffsetsSection, std::move(blocks).finish());
  std::vector<uint8_t> codes(length_bits);
  codes.insert(codes.end(), byte_bits.begin(), byte_bits.end());
  out.add(kCodesSection, codes);
  NameIndexHead head{};
  head.names = size_;
  head.hash_seed = hash_seed_;
  head.depths = depths_;
  head.filter_lines = lines;
  out.add_items<NameIndexHead>(kHeadSection, std::span<const NameIndexHead>(&head, 1));
  out.add_items<FilterLine>(kFilterSection, filter);
  out.add_items<uint64_t>(kFrontsSection, fronts_);
  out.add_items<uint32_t>(kTailOffsetsSection, tail_offsets_);
  out.add(kTailsSection, tails_);
}

}  // namespace cenote
