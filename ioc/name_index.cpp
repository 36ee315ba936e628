#include "ioc/name_index.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "ioc/name_index_block.h"

namespace cenote {

using namespace name_index;

namespace {

// Of rising byte strings the last that is not above the one of `front` and `tail`, or the first of all.
template <typename FrontAt, typename TailAt>
size_t last_not_above(size_t count, uint64_t front, Bytes tail, FrontAt front_at, TailAt tail_at) noexcept {
  const auto last_where = [](size_t begin, size_t left, auto holds) {
    while (left > 1) {
      const size_t half = left / 2;
      begin += holds(begin + half) ? half : 0;
      left -= half;
    }
    return begin;
  };
  const size_t last = last_where(0, count, [&](size_t i) { return front_at(i) <= front; });
  if (front_at(last) != front) {
    return last;
  }
  // Several may begin with these bytes: their tails decide.
  const size_t below = last_where(0, last + 1, [&](size_t i) { return front_at(i) < front; });
  return last_where(below, last + 1 - below, [&](size_t i) { return !is_key_before(tail, tail_at(i)); });
}

void prefetch_lines(const void* begin, size_t bytes) noexcept {
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < bytes; at += kLine) {
    __builtin_prefetch(static_cast<const uint8_t*>(begin) + at);
  }
}

}  // namespace

Result<std::unique_ptr<const NameIndex>> NameIndex::open(const Image& image) {
  std::unique_ptr<NameIndex> index(new NameIndex);
  auto head = image.items<NameIndexHead>(kHeadSection);
  auto filter = image.items<FilterLine>(kFilterSection);
  auto nodes = image.items<BlockNode>(kNodesSection);
  auto places = image.items<BlockPlace>(kPlacesSection);
  if (!head || head->size() != 1 || !filter || !nodes || !places) {
    return fail("name index: damaged sections");
  }
  index->head_ = head->front();
  index->filter_ = *filter;
  index->nodes_ = *nodes;
  index->node_bytes_ = image.section(kNodeBytesSection);
  index->places_ = *places;
  index->tails_ = image.section(kTailsSection);
  index->blocks_ = image.section(kBlocksSection);
  const Bytes codes = image.section(kCodesSection);
  if (codes.size() != kByteSymbols || !index->decoder_.build(codes) || !index->check()) {
    return fail("name index: damaged");
  }
  index->encoder_ = PrefixEncoder(codes);
  for (size_t node = 0; node + 1 < index->nodes_.size(); ++node) {
    index->landmarks_.push_back(front_of(index->node_first(node)));
  }
  return std::unique_ptr<const NameIndex>(std::move(index));
}

// What look-ups take for granted: every table has its size and every offset lies inside.
bool NameIndex::check() const noexcept {
  const uint64_t blocks = (head_.names + kBlockNames - 1) / kBlockNames;
  const uint64_t nodes = (blocks + kNodeBlocks - 1) / kNodeBlocks;
  if (filter_.size() != head_.filter_lines || (head_.names != 0 && filter_.empty()) ||
      places_.size() != blocks + 1 || nodes_.size() != nodes + 1 || blocks_.size() < BitReader::kPadding) {
    return false;
  }
  const auto rises_within = [](const auto& items, auto offset, size_t size) {
    const auto falls = [&](const auto& a, const auto& b) { return a.*offset > b.*offset; };
    return std::adjacent_find(items.begin(), items.end(), falls) == items.end() &&
           items.back().*offset <= size;
  };
  return rises_within(nodes_, &BlockNode::first_at, node_bytes_.size()) &&
         rises_within(places_, &BlockPlace::tail_at, tails_.size()) &&
         rises_within(places_, &BlockPlace::block_at, blocks_.size() - BitReader::kPadding);
}

bool NameIndex::may_hold(uint64_t hash) const noexcept {
  return holds_filter_bits(filter_[filter_line(hash, head_.filter_lines)], hash);
}

void NameIndex::prefetch(size_t depth, uint64_t hash) const noexcept {
  if (is_listed_depth(depth)) {
    __builtin_prefetch(&filter_[filter_line(hash, head_.filter_lines)]);
  }
}

size_t NameIndex::find(const Name& name, std::span<Match> out) const noexcept {
  if (head_.names == 0) {
    return 0;
  }
  AskedName asked(name, head_.hash_seed, deepest_of(head_),
                  [&](size_t depth, uint64_t hash) { prefetch(depth, hash); });
  return find(asked, out);
}

size_t NameIndex::find(AskedName& asked, std::span<Match> out) const noexcept {
  if (head_.names == 0) {
    return 0;
  }
  size_t found = 0;
  for (size_t depth = asked.depth() + 1; depth-- > 0 && found < out.size();) {
    if (!is_listed_depth(depth) || !may_hold(asked.hash(depth))) {
      continue;
    }
    if (search(asked.key(depth), out[found].posting)) {
      out[found++].depth = static_cast<uint8_t>(depth);
    }
  }
  return found;
}

std::optional<Posting> NameIndex::posting_of(Bytes key) const noexcept {
  Posting posting;
  const bool may_be = head_.names != 0 && (!key.empty() || is_listed_depth(0));
  return may_be && search(key, posting) ? std::optional(posting) : std::nullopt;
}

size_t NameIndex::deepest() const noexcept {
  return deepest_of(head_);
}

Bytes NameIndex::node_first(size_t node) const noexcept {
  return node_bytes_.subspan(nodes_[node].first_at, nodes_[node + 1].first_at - nodes_[node].first_at);
}

Bytes NameIndex::separator_tail(size_t block) const noexcept {
  return tails_.subspan(places_[block].tail_at, places_[block + 1].tail_at - places_[block].tail_at);
}

Bytes NameIndex::separator(size_t block, std::array<uint8_t, kMaxKeyBytes>& buffer) const noexcept {
  size_t size = 0;
  const auto append = [&](Bytes bytes) {
    const size_t count = std::min(bytes.size(), buffer.size() - size);  // all, unless the image is damaged
    std::copy_n(bytes.begin(), count, buffer.begin() + static_cast<ptrdiff_t>(size));
    size += count;
  };
  const size_t node = block / kNodeBlocks;
  append(node_first(node).first(std::min<size_t>(node_first(node).size(), nodes_[node].shared)));
  const uint64_t front = places_[block].front;
  const uint64_t bytes = __builtin_bswap64(front);
  const Bytes tail = separator_tail(block);
  // No separator ends with a zero byte: those that end a front without a tail are filling.
  const size_t filling = tail.empty() ? static_cast<size_t>(std::countr_zero(front)) / 8 : 0;
  append(Bytes(reinterpret_cast<const uint8_t*>(&bytes), kFrontBytes - filling));
  append(tail);
  return {buffer.data(), size};
}

// The last block whose separator is not above the key. Where a node's first separator is not above it and the
// next one's is, the key begins with what the two share.
size_t NameIndex::block_of(Bytes key) const noexcept {
  const size_t node = last_not_above(
      landmarks_.size(), front_of(key), behind_front(key), [&](size_t i) { return landmarks_[i]; },
      [&](size_t i) { return behind_front(node_first(i)); });
  const size_t first = node * kNodeBlocks;
  const size_t count = std::min(kNodeBlocks, blocks_count() - first);
  prefetch_lines(&places_[first], count * sizeof(BlockPlace));
  const Bytes rest = key.subspan(std::min<size_t>(key.size(), nodes_[node].shared));
  return first + last_not_above(
                     count, front_of(rest), behind_front(rest),
                     [&](size_t i) { return places_[first + i].front; },
                     [&](size_t i) { return separator_tail(first + i); });
}

// True when a key whose block this is begins with the first `bytes` bytes of its separator.
bool NameIndex::begins_alike(size_t block, Bytes key, size_t bytes) const noexcept {
  const size_t known = nodes_[block / kNodeBlocks].shared;
  if (bytes <= known) {
    return true;
  }
  if (bytes > key.size()) {
    return false;
  }
  const Bytes rest = key.subspan(known, bytes - known);
  const uint64_t differ = places_[block].front ^ front_of(key.subspan(known));
  if (rest.size() < kFrontBytes) {
    return differ >> (64 - 8 * rest.size()) == 0;
  }
  const Bytes tail = separator_tail(block);
  return differ == 0 && tail.size() >= rest.size() - kFrontBytes &&
         std::equal(rest.begin() + kFrontBytes, rest.end(), tail.begin());
}

// Compares the key, once it is coded, with each of a block's names that is as long.
bool NameIndex::search(Bytes key, Posting& posting) const noexcept {
  const size_t number = block_of(key);
  prefetch_lines(blocks_.data() + places_[number].block_at, 2 * 64);
  const NameBlock block(blocks_, places_[number].block_at, names_in_block(head_.names, number));
  if (!block.is_inside() || !begins_alike(number, key, block.shared())) {
    return false;
  }
  const CodedText text(encoder_, text_of(key, block.shared()));
  BitReader in = block.texts();
  for (size_t i = 0; i < block.names() && text.has_code(); ++i) {
    const size_t length = block.length(i);
    if (length == text.bits() && text.is_next(in)) {
      posting = block.posting(i);
      return true;
    }
    in.skip(static_cast<unsigned>(length));
  }
  return false;
}

uint64_t NameIndex::bytes() const noexcept {
  return sizeof head_ + filter_.size_bytes() + landmarks_.size() * sizeof landmarks_[0] +
         nodes_.size_bytes() + node_bytes_.size() + places_.size_bytes() + tails_.size() + blocks_.size();
}

}  // namespace cenote
