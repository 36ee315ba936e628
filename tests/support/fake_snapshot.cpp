#include "tests/support/fake_snapshot.h"

#include <algorithm>

namespace cenote::test {

FakeSnapshot::FakeSnapshot(std::vector<Listed> listed, uint64_t generation)
    : listed_(std::move(listed)), generation_(generation) {
  for (const Listed& each : listed_) {
    if (std::none_of(feeds_.begin(), feeds_.end(),
                     [&](const auto& feed) { return feed.name == each.feed; })) {
      feeds_.push_back({each.feed, 0});
    }
    if (std::find(categories_.begin(), categories_.end(), each.category) == categories_.end()) {
      categories_.push_back(each.category);
    }
  }
}

size_t FakeSnapshot::write(std::vector<Hit> hits, std::span<Hit> out) const noexcept {
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.depth != b.depth ? a.depth > b.depth : a.scope < b.scope;
  });
  std::copy_n(hits.begin(), std::min(hits.size(), out.size()), out.begin());
  return hits.size();
}

size_t FakeSnapshot::find(const Name& name, std::span<Hit> out) const noexcept {
  std::vector<Hit> hits;
  for (uint32_t i = 0; i < listed_.size(); ++i) {
    const auto entry = Name::from_text(listed_[i].what);
    const Scope scope = listed_[i].scope;
    if (!entry || Prefix::from_text(listed_[i].what)) {
      continue;
    }
    const bool at = name == *entry;
    const bool below = name.is_at_or_below(*entry) && !at;
    if ((at && scope != Scope::kBelow) || (below && scope != Scope::kExact)) {
      hits.push_back({static_cast<uint8_t>(entry->label_count()), scope, i});
    }
  }
  return write(std::move(hits), out);
}

bool FakeSnapshot::has_entry_below(const Name& name) const noexcept {
  return std::any_of(listed_.begin(), listed_.end(), [&](const Listed& each) {
    const auto entry = Name::from_text(each.what);
    return entry && !(*entry == name) && entry->is_at_or_below(name);
  });
}

size_t FakeSnapshot::find(const IpAddress& address, std::span<Hit> out) const noexcept {
  std::vector<Hit> hits;
  for (uint32_t i = 0; i < listed_.size(); ++i) {
    const auto prefix = Prefix::from_text(listed_[i].what);
    if (prefix && prefix->contains(address)) {
      hits.push_back({prefix->length, Scope::kExact, i});
    }
  }
  return write(std::move(hits), out);
}

Record FakeSnapshot::record(uint32_t id) const noexcept {
  const Listed& from = listed_[id];
  Record made;
  made.feed = static_cast<FeedId>(
      std::find_if(feeds_.begin(), feeds_.end(), [&](const auto& feed) { return feed.name == from.feed; }) -
      feeds_.begin());
  made.category = static_cast<CategoryId>(std::find(categories_.begin(), categories_.end(), from.category) -
                                          categories_.begin());
  made.action = from.action;
  made.confidence = from.confidence;
  made.first_seen = from.first_seen;
  made.valid_from = from.valid_from;
  made.valid_until = from.valid_until;
  made.threat = from.threat;
  made.source_ref = from.source_ref;
  return made;
}

}  // namespace cenote::test
