#include "ioc/overlaid_snapshot.h"

#include <algorithm>
#include <array>

namespace cenote {
namespace {

uint64_t sum(uint64_t count, int64_t more) noexcept {
  return static_cast<uint64_t>(static_cast<int64_t>(count) + more);
}

// The hits of a look-up as they are found: all are counted, and written as far as there is room.
struct Found {
  std::span<Hit> out;
  size_t count = 0;
  void add(const Hit& hit) noexcept {
    if (count < out.size()) {
      out[count] = hit;
    }
    ++count;
  }
};

}  // namespace

OverlaidSnapshot::OverlaidSnapshot(Layers layers, uint64_t generation)
    : base_(std::move(layers.base)),
      overlay_(std::move(layers.overlay)),
      feeds_(base_->feeds()),
      generation_(generation) {
  for (size_t i = 0; i < feeds_.size(); ++i) {
    feeds_[i].entries = sum(feeds_[i].entries, overlay_->feed_entries()[i]);
  }
}

Scope OverlaidSnapshot::scope_of(uint32_t record) const noexcept {
  return (record & Overlay::kOwn) != 0 ? overlay_->own(record).said.scope
                                       : base_->record_table().profile(record).scope;
}

size_t OverlaidSnapshot::find(const Name& name, std::span<Hit> out) const noexcept {
  const NameIndex& index = base_->name_index();
  AskedName asked(name, index.hash_seed(), std::max(index.deepest(), overlay_->deepest()),
                  [&](size_t depth, uint64_t hash) {
                    index.prefetch(depth, hash);
                    overlay_->prefetch(depth, hash);
                  });
  std::array<NameIndex::Match, kMaxLabels + 1> matches;
  const std::span<const NameIndex::Match> in_base(matches.data(), index.find(asked, matches));
  Found found{out};
  const auto take = [&](std::span<const uint32_t> records, size_t depth) {
    for (const uint32_t record : records) {
      const Scope scope = scope_of(record);
      if (scope != (depth == asked.label_count() ? Scope::kBelow : Scope::kExact)) {
        found.add({static_cast<uint8_t>(depth), scope, record});
      }
    }
  };
  auto match = in_base.begin();
  for (size_t depth = asked.depth() + 1; depth-- > 0;) {
    const bool is_in_base = match != in_base.end() && match->depth == depth;
    if (const Overlay::Listed* listed = overlay_->find(asked, depth)) {
      take(overlay_->records(*listed), depth);
    } else if (is_in_base) {
      uint32_t single = 0;
      take(base_->record_table().listed(match->posting, single), depth);
    }
    match += is_in_base ? 1 : 0;
  }
  return found.count;
}

bool OverlaidSnapshot::has_entry_below(const Name& name) const noexcept {
  const NameKey key(name);
  const Overlay::Below below = overlay_->below(key.bytes());
  if (below.listed != 0) {
    return true;
  }
  return below.gone == 0 ? base_->has_entry_below(name)
                         : base_->name_index().count_below(key.bytes()) > below.gone;
}

size_t OverlaidSnapshot::find(const IpAddress& address, std::span<Hit> out) const noexcept {
  std::array<AddressIndex::Match, AddressIndex::kMostMatches> base_matches;
  std::array<AddressIndex::Match, AddressIndex::kMostMatches> own_matches;
  const std::span in_base(base_matches.data(), base_->address_index().find(address, base_matches));
  const std::span own(own_matches.data(), overlay_->address_index().find(address, own_matches));
  Found found{out};
  const auto take = [&](std::span<const uint32_t> records, uint8_t length) {
    for (const uint32_t record : records) {
      found.add({length, Scope::kSuffix, record});
    }
  };
  auto base_match = in_base.begin();
  auto own_match = own.begin();
  while (base_match != in_base.end() || own_match != own.end()) {
    const bool is_own =
        own_match != own.end() && (base_match == in_base.end() || own_match->length >= base_match->length);
    if (!is_own) {
      uint32_t single = 0;
      take(base_->record_table().listed(base_match->value, single), base_match->length);
      ++base_match;
      continue;
    }
    if (base_match != in_base.end() && base_match->length == own_match->length) {
      ++base_match;  // the same block
    }
    take(overlay_->records(overlay_->blocks()[own_match->value].listed), own_match->length);
    ++own_match;
  }
  return found.count;
}

Record OverlaidSnapshot::record(uint32_t id) const noexcept {
  return (id & Overlay::kOwn) != 0 ? overlay_->record(id) : base_->record(id);
}

uint64_t OverlaidSnapshot::names() const noexcept {
  return sum(base_->names(), overlay_->name_entries());
}
uint64_t OverlaidSnapshot::addresses() const noexcept {
  return sum(base_->addresses(), overlay_->address_entries());
}

}  // namespace cenote
