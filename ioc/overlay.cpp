#include "ioc/overlay.h"

#include <algorithm>

#include "ioc/name_index_layout.h"

namespace cenote {

using namespace name_index;

uint64_t Overlay::bytes() const noexcept {
  return keys_.size() + names_.size() * sizeof(NameEntry) + blocks_.size() * sizeof(BlockEntry) +
         records_.size() * sizeof(uint32_t) + own_.size() * sizeof(OwnRecord) + texts_.bytes().size() +
         filter_.size() * sizeof(FilterLine) +
         (v4_rows_.size() + v6_rows_.size()) * sizeof(AddressIndex::Row);
}

const Overlay::Listed* Overlay::find(AskedName& asked, size_t depth) const noexcept {
  if ((depths_[depth / 64] >> (depth % 64) & 1) == 0) {
    return nullptr;
  }
  const uint64_t hash = asked.hash(depth);
  const FilterLine& line = filter_[filter_line(hash, static_cast<uint32_t>(filter_.size()))];
  return holds_filter_bits(line, hash) ? find(asked.key(depth)) : nullptr;
}

const Overlay::Listed* Overlay::find(Bytes key) const noexcept {
  const auto at = std::lower_bound(
      names_.begin(), names_.end(), key,
      [&](const NameEntry& entry, Bytes sought) { return is_key_before(this->key(entry), sought); });
  return at != names_.end() && std::ranges::equal(this->key(*at), key) ? &at->listed : nullptr;
}

const Overlay::Listed* Overlay::find(const Prefix& prefix) const noexcept {
  const auto at = std::lower_bound(
      blocks_.begin(), blocks_.end(), prefix,
      [](const BlockEntry& entry, const Prefix& sought) { return is_before(entry.prefix, sought); });
  return at != blocks_.end() && at->prefix == prefix ? &at->listed : nullptr;
}

void Overlay::prefetch(size_t depth, uint64_t hash) const noexcept {
  if ((depths_[depth / 64] >> (depth % 64) & 1) != 0) {
    __builtin_prefetch(&filter_[filter_line(hash, static_cast<uint32_t>(filter_.size()))]);
  }
}

Record Overlay::record(uint32_t record) const noexcept {
  const OwnRecord& own = this->own(record);
  Record said = said_of(own.said, texts_);
  said.feed = own.feed;
  said.category = own.category;
  return said;
}

Overlay::Below Overlay::below(Bytes key) const noexcept {
  // Whatever begins with these bytes stands together, the name itself first.
  const auto first = std::partition_point(names_.begin(), names_.end(), [&](const NameEntry& entry) {
    return !is_key_before(key, this->key(entry));
  });
  const auto last = std::partition_point(first, names_.end(), [&](const NameEntry& entry) {
    const Bytes own = this->key(entry);
    return own.size() >= key.size() && std::ranges::equal(own.first(key.size()), key);
  });
  const auto before = [&](auto entry) {
    if (entry != names_.end()) {
      return Below{entry->listed_before, entry->gone_before};
    }
    return all_;
  };
  return {before(last).listed - before(first).listed, before(last).gone - before(first).gone};
}

}  // namespace cenote
