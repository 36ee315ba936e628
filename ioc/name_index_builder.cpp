#include <algorithm>
#include <bit>

#include "ioc/name_index_block.h"

namespace cenote {

using namespace name_index;

namespace {

constexpr size_t kPieceBytes = 64 * 1024;

size_t shared_bytes(Bytes a, Bytes b) noexcept {
  const auto most = static_cast<ptrdiff_t>(std::min(a.size(), b.size()));
  return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + most, b.begin()).first - a.begin());
}

// The byte of head, what belongs in front of the lengths of `postings`, and how wide one is.
class PostingsWriter {
 public:
  explicit PostingsWriter(std::span<const Posting> postings) : postings_(postings) {
    bool is_uniform = true;
    uint32_t highest = 0;
    for (const Posting& posting : postings) {
      highest = std::max(highest, value_of(posting));
      is_uniform = is_uniform && value_of(posting) == value_of(postings.front());
      first_fresh_ = first_fresh_ == nullptr && posting.is_fresh() ? &posting : first_fresh_;
    }
    width_ = static_cast<uint32_t>(std::bit_width(highest));
    head_ = width_ | (is_uniform ? kUniform : 0) | (first_fresh_ != nullptr ? kHasFresh : 0);
  }

  [[nodiscard]] uint32_t head() const noexcept { return head_; }
  void write(std::vector<uint8_t>& out) const {
    BitWriter bits(out);
    if (first_fresh_ != nullptr) {
      bits.put(first_fresh_->index(), 32);
    }
    for (const Posting& posting : (head_ & kUniform) != 0 ? postings_.first(1) : postings_) {
      bits.put(value_of(posting), width_);
    }
    bits.align();
  }

 private:
  static uint32_t value_of(Posting posting) { return posting.is_fresh() ? 0 : posting.index() + 1; }

  std::span<const Posting> postings_;
  const Posting* first_fresh_ = nullptr;
  uint32_t width_ = 0;
  uint32_t head_ = 0;
};

}  // namespace

// The keys of a block until it is whole.
class NameIndexBuilder::OpenBlock {
 public:
  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] bool is_full() const noexcept { return size_ == kBlockNames; }
  // REQUIRES: !is_full().
  void add(Bytes key) {
    if (size_ == 0) {
      separator_size_ = is_first_ ? 0 : std::min(shared_bytes(last_, key) + 1, key.size());
    }
    bytes_.insert(bytes_.end(), key.begin(), key.end());
    ends_[++size_] = bytes_.size();
  }
  void begin_next() {
    const Bytes last = key(size_ - 1);
    last_.assign(last.begin(), last.end());
    is_first_ = false;
    bytes_.clear();
    size_ = 0;
  }

  // All below. REQUIRES: size() > 0.
  // The shortest that lies above the last key before the block and not above its first.
  [[nodiscard]] Bytes separator() const noexcept { return key(0).first(separator_size_); }
  // How many bytes of it all keys begin with: what the first and the last do.
  [[nodiscard]] size_t shared() const noexcept {
    return std::min({separator_size_, shared_bytes(key(0), key(size_ - 1)), kMostShared});
  }
  [[nodiscard]] Bytes text(size_t i, size_t shared) const noexcept { return text_of(key(i), shared); }

 private:
  [[nodiscard]] Bytes key(size_t i) const noexcept {
    return Bytes(bytes_).subspan(ends_[i], ends_[i + 1] - ends_[i]);
  }

  std::vector<uint8_t> bytes_;
  std::array<size_t, kBlockNames + 1> ends_{};  // and where the first begins
  size_t size_ = 0;
  std::vector<uint8_t> last_;  // key before the block
  bool is_first_ = true;
  size_t separator_size_ = 0;
};

NameIndexBuilder::NameIndexBuilder(uint64_t hash_seed, const std::string& folder)
    : hash_seed_(hash_seed), names_(folder), writer_(names_), block_(std::make_unique<OpenBlock>()) {}
NameIndexBuilder::~NameIndexBuilder() = default;

void NameIndexBuilder::add(Bytes key, uint32_t said) {
  if (block_->is_full()) {
    end_block();
  }
  block_->add(key);
  writer_.put(key, {&said, 1});
  ++size_;
}

void NameIndexBuilder::end_block() {
  const Bytes separator = block_->separator();
  if (node_.size() == kNodeBlocks) {
    end_node(shared_bytes(node_.front(), separator));
  }
  node_.emplace_back(separator.begin(), separator.end());
  const size_t shared = block_->shared();
  for (size_t i = 0; i < block_->size(); ++i) {
    for (const uint8_t byte : block_->text(i, shared)) {
      ++byte_counts_[byte];
    }
  }
  block_->begin_next();
}

// `shared`: with the first separator of the node that follows.
void NameIndexBuilder::end_node(size_t shared) {
  nodes_.push_back({static_cast<uint32_t>(node_bytes_.size()), static_cast<uint32_t>(shared)});
  node_bytes_.insert(node_bytes_.end(), node_.front().begin(), node_.front().end());
  for (const Bytes separator : node_) {
    // All begin with these bytes where the keys rose; those of a damaged base need not.
    const Bytes rest = separator.subspan(std::min(separator.size(), shared));
    const Bytes tail = behind_front(rest);
    places_.push_back({front_of(rest), static_cast<uint32_t>(tails_.size()), 0});
    tails_.insert(tails_.end(), tail.begin(), tail.end());
  }
  node_.clear();
}

// Names as blocks, one after the other.
class NameIndexBuilder::BlockWriter {
 public:
  BlockWriter(const std::vector<uint8_t>& byte_bits, ImageWriter& out) : encoder_(byte_bits), out_(out) {
    out_.begin(kBlocksSection);
  }

  void add(Bytes key, Posting posting) {
    if (block_.is_full()) {
      end_block();
    }
    block_.add(key);
    postings_.push_back(posting);
  }

  // Where each block begins; one more than blocks.
  std::vector<uint32_t> finish() && {
    if (block_.size() != 0) {
      end_block();
    }
    offsets_.push_back(static_cast<uint32_t>(written_));
    out_.append(blocks_);
    out_.append(std::array<uint8_t, BitReader::kPadding>{});
    return std::move(offsets_);
  }

 private:
  void end_block() {
    const size_t begin = blocks_.size();
    offsets_.push_back(static_cast<uint32_t>(written_));
    write_block();
    written_ += blocks_.size() - begin;
    if (blocks_.size() >= kPieceBytes) {
      out_.append(blocks_);
      blocks_.clear();
    }
    block_.begin_next();
    postings_.clear();
  }

  void write_block() {
    const size_t shared = block_.shared();
    std::array<size_t, kBlockNames> lengths{};
    for (size_t i = 0; i < block_.size(); ++i) {
      for (const uint8_t byte : block_.text(i, shared)) {
        lengths[i] += encoder_.code(byte).length;
      }
    }
    const bool is_wide = *std::max_element(lengths.begin(), lengths.end()) > 255;
    const PostingsWriter postings(postings_);
    blocks_.push_back(static_cast<uint8_t>(postings.head() | (is_wide ? kWide : 0)));
    blocks_.push_back(static_cast<uint8_t>(shared));
    postings.write(blocks_);
    BitWriter bits(blocks_);
    for (size_t i = 0; i < block_.size(); ++i) {
      bits.put(static_cast<uint32_t>(lengths[i]), is_wide ? 16 : 8);
    }
    for (size_t i = 0; i < block_.size(); ++i) {
      for (const uint8_t byte : block_.text(i, shared)) {
        encoder_.put(bits, byte);
      }
    }
    bits.align();
  }

  PrefixEncoder encoder_;
  ImageWriter& out_;
  std::vector<uint8_t> blocks_;  // whole ones
  OpenBlock block_;
  std::vector<Posting> postings_;
  std::vector<uint32_t> offsets_;
  uint64_t written_ = 0;
};

void NameIndexBuilder::finish(ImageWriter& out, const std::function<Posting(uint32_t said)>& posting_of) {
  if (block_->size() != 0) {
    end_block();
    end_node(0);
  }
  nodes_.push_back({static_cast<uint32_t>(node_bytes_.size()), 0});
  const std::vector<uint8_t> byte_bits = PrefixEncoder::lengths_for(byte_counts_);
  std::vector<FilterLine> filter((size_ * kFilterBitsPerName + sizeof(FilterLine) * 8 - 1) /
                                 (sizeof(FilterLine) * 8));
  const auto lines = static_cast<uint32_t>(filter.size());
  BlockWriter blocks(byte_bits, out);
  for (SortedNamesReader names(names_); names.next();) {
    size_t depth = 0;
    const uint64_t hash = hash_key(names.key(), hash_seed_, depth);
    depths_[depth / 64] |= uint64_t{1} << (depth % 64);
    set_filter_bits(filter[filter_line(hash, lines)], hash);
    blocks.add(names.key(), posting_of(names.numbers().front()));
  }
  places_.push_back({0, static_cast<uint32_t>(tails_.size()), 0});
  const std::vector<uint32_t> offsets = std::move(blocks).finish();
  for (size_t block = 0; block < offsets.size(); ++block) {
    places_[block].block_at = offsets[block];
  }
  out.add(kCodesSection, byte_bits);
  NameIndexHead head{};
  head.names = size_;
  head.hash_seed = hash_seed_;
  head.depths = depths_;
  head.filter_lines = lines;
  out.add_items<NameIndexHead>(kHeadSection, std::span<const NameIndexHead>(&head, 1));
  out.add_items<FilterLine>(kFilterSection, filter);
  out.add_items<BlockNode>(kNodesSection, nodes_);
  out.add(kNodeBytesSection, node_bytes_);
  out.add_items<BlockPlace>(kPlacesSection, places_);
  out.add(kTailsSection, tails_);
}

}  // namespace cenote
