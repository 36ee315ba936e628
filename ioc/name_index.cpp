#include "ioc/name_index.h"

#include <algorithm>
#include <optional>

#include "ioc/name_index_block.h"

namespace cenote {

using namespace name_index;

namespace {

size_t shared_bytes(Bytes a, Bytes b) noexcept {
  const size_t most = std::min(a.size(), b.size());
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(most), b.begin()).first - a.begin());
}

// Of rising values the last that is not above `value`, or the first of all.
size_t last_not_above(std::span<const uint64_t> sorted, uint64_t value) noexcept {
  size_t at = 0;
  for (size_t left = sorted.size(); left > 1;) {
    const size_t half = left / 2;
    at += sorted[at + half] <= value ? half : 0;
    left -= half;
  }
  return at;
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
  auto fronts = image.items<uint64_t>(kFrontsSection);
  auto tail_offsets = image.items<uint32_t>(kTailOffsetsSection);
  auto block_offsets = image.items<uint32_t>(kBlockOffsetsSection);
  if (!head || head->size() != 1 || !filter || !fronts || !tail_offsets || !block_offsets) {
    return fail("name index: damaged sections");
  }
  index->head_ = head->front();
  index->filter_ = *filter;
  index->fronts_ = *fronts;
  index->tail_offsets_ = *tail_offsets;
  index->tails_ = image.section(kTailsSection);
  index->block_offsets_ = *block_offsets;
  index->blocks_ = image.section(kBlocksSection);
  const Bytes codes = image.section(kCodesSection);
  if (codes.size() != kLengthSymbols + kByteSymbols ||
      !index->lengths_code_.build(codes.first(kLengthSymbols)) ||
      !index->bytes_code_.build(codes.subspan(kLengthSymbols), kEndSymbol) || !index->check()) {
    return fail("name index: damaged");
  }
  for (size_t i = 0; i < index->fronts_.size(); i += kLandmark) {
    index->landmarks_.push_back(index->fronts_[i]);
  }
  return std::unique_ptr<const NameIndex>(std::move(index));
}

// What look-ups take for granted: every table has its size and every offset lies inside.
bool NameIndex::check() const noexcept {
  const size_t blocks = fronts_.size();
  if (blocks != (head_.names + kBlockNames - 1) / kBlockNames || filter_.size() != head_.filter_lines ||
      (head_.names != 0 && filter_.empty()) || tail_offsets_.size() != blocks + 1 ||
      block_offsets_.size() != blocks + 1 || blocks_.size() < BitReader::kPadding) {
    return false;
  }
  const auto rising_within = [](Items<uint32_t> offsets, size_t size) {
    return std::is_sorted(offsets.begin(), offsets.end()) && offsets.back() <= size;
  };
  return rising_within(tail_offsets_, tails_.size()) &&
         rising_within(block_offsets_, blocks_.size() - BitReader::kPadding);
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
    if (search(asked.key(depth), Sought::kSame, out[found].posting)) {
      out[found++].depth = static_cast<uint8_t>(depth);
    }
  }
  return found;
}

std::optional<Posting> NameIndex::posting_of(Bytes key) const noexcept {
  Posting posting;
  const bool may_be = head_.names != 0 && (!key.empty() || is_listed_depth(0));
  return may_be && search(key, Sought::kSame, posting) ? std::optional(posting) : std::nullopt;
}

size_t NameIndex::deepest() const noexcept {
  return deepest_of(head_);
}

bool NameIndex::has_below(const Name& name) const noexcept {
  if (name.is_root()) {
    return head_.names > (is_listed_depth(0) ? 1U : 0U);
  }
  Posting unused;
  return head_.names != 0 && search(NameKey(name).bytes(), Sought::kBelow, unused);
}

Bytes NameIndex::separator_tail(size_t block) const noexcept {
  return tails_.subspan(tail_offsets_[block], tail_offsets_[block + 1] - tail_offsets_[block]);
}

Bytes NameIndex::separator(size_t block, std::array<uint8_t, kMaxKeyBytes>& buffer) const noexcept {
  const Bytes tail =
      separator_tail(block).first(std::min<size_t>(separator_tail(block).size(), kMaxKeyBytes - kFrontBytes));
  size_t size = front_bytes(fronts_[block], buffer);
  if (!tail.empty()) {
    size = kFrontBytes;  // no byte of the front is filling then
    std::copy(tail.begin(), tail.end(), buffer.begin() + kFrontBytes);
  }
  return {buffer.data(), size + tail.size()};
}

// The last block whose separator is not above the key.
size_t NameIndex::block_of(Bytes key) const noexcept {
  const uint64_t front = front_of(key);
  const size_t near = last_not_above(landmarks_, front) * kLandmark;
  const auto fronts = fronts_.subspan(near, std::min(kLandmark, fronts_.size() - near));
  prefetch_lines(fronts.data(), fronts.size_bytes());
  const size_t block = near + last_not_above(fronts, front);
  if (fronts_[block] != front) {
    return block;
  }
  // Several separators may begin with these bytes: their tails decide.
  const Bytes tail = key.subspan(std::min(key.size(), kFrontBytes));
  size_t first = static_cast<size_t>(
      std::lower_bound(fronts_.begin(), fronts_.begin() + static_cast<ptrdiff_t>(block), front) -
      fronts_.begin());
  const size_t begin = first;
  for (size_t left = block + 1 - first; left > 0;) {
    const size_t half = left / 2;
    const Bytes middle = separator_tail(first + half);
    if (std::lexicographical_compare(tail.begin(), tail.end(), middle.begin(), middle.end())) {
      left = half;
    } else {
      first += half + 1;
      left -= half + 1;
    }
  }
  return first == begin ? begin - std::min<size_t>(begin, 1) : first - 1;
}

// How the rest of a name stands to the key's from `at` on, which moves to where they differ. Reads the name
// to its end unless it is greater.
NameIndex::Order NameIndex::compare(BitReader& in, Bytes key, size_t& at) const noexcept {
  while (true) {
    BitWindow window(in);
    while (window.has_code()) {
      const unsigned symbol = bytes_code_.take(window);
      if (at < key.size() && symbol == key[at]) {
        ++at;
        continue;
      }
      in.skip(window.used());
      if (symbol == kEndSymbol) {
        at += at < key.size() && key[at] == 0 ? 1U : 0U;  // the end of the last label is not written
        return at == key.size() ? Order::kSame : Order::kSmaller;
      }
      if (symbol == PrefixDecoder::kNoSymbol) {
        return Order::kDamaged;
      }
      if (at == key.size() || symbol > key[at]) {
        return Order::kGreater;
      }
      return bytes_code_.skip_text(in, kMaxKeyBytes) ? Order::kSmaller : Order::kDamaged;
    }
    in.skip(window.used());
  }
}

// Walks one block. `matched` is how many bytes of the key the last name shares, which is below the key's size
// as long as all names so far are below the key. A name that shares more than that with the one before it is
// below the key like that one, whatever the rest of it says.
bool NameIndex::search(Bytes key, Sought sought, Posting& posting) const noexcept {
  const size_t block = block_of(key);
  prefetch_lines(blocks_.data() + block_offsets_[block], 2 * 64);  // while the separator is read
  std::array<uint8_t, kMaxKeyBytes> buffer;
  const Bytes first = separator(block, buffer);
  const size_t count = names_in_block(head_.names, block);
  const BlockPostings postings(blocks_, block_offsets_[block], count);
  if (key.empty()) {  // the root is sought only when it is listed, and is then the first of all
    posting = postings.at(0);
    return true;
  }
  BitReader in(blocks_, postings.names_at());
  size_t matched = shared_bytes(first, key);
  for (size_t i = 0; i < count; ++i) {
    const size_t shared = i == 0 ? first.size() : lengths_code_.take(in);
    if (shared > matched) {
      if (!bytes_code_.skip_text(in, kMaxKeyBytes)) {
        return false;  // damaged
      }
      continue;
    }
    if (shared < matched && shared != kMaxShared) {
      return false;  // above the key, and not below it in the tree
    }
    size_t at = shared;
    switch (compare(in, key, at)) {
      case Order::kDamaged:
        return false;
      case Order::kGreater:
        return sought == Sought::kBelow && at == key.size();
      case Order::kSame:
        if (sought == Sought::kSame) {
          posting = postings.at(i);
          return in.ok();
        }
        break;
      case Order::kSmaller:
        break;
    }
    matched = at;
  }
  if (sought == Sought::kSame || block + 1 >= fronts_.size()) {
    return false;
  }
  // All of this block is smaller: the next one begins above the key, perhaps right below it in the tree.
  const Bytes next = separator(block + 1, buffer);
  return next.size() >= key.size() && shared_bytes(next, key) == key.size();
}

uint64_t NameIndex::bytes() const noexcept {
  return sizeof head_ + filter_.size_bytes() + landmarks_.size() * sizeof landmarks_[0] +
         fronts_.size_bytes() + tail_offsets_.size_bytes() + tails_.size() + block_offsets_.size_bytes() +
         blocks_.size();
}

}  // namespace cenote
