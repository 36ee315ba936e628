#include "ioc/overlay_builder.h"

#include <algorithm>
#include <bit>
#include <map>

#include "ioc/name_index_layout.h"
#include "ioc/record_table.h"

namespace cenote {

using namespace name_index;

namespace {

constexpr size_t kNamesPerLine = 32;  // 16 bits of filter a name: it is small, and probed for every query

int64_t distinct_scopes(const std::vector<SaidRecord>& said) {
  unsigned seen = 0;
  for (const SaidRecord& each : said) {
    seen |= 1U << static_cast<unsigned>(each.scope);
  }
  return std::popcount(seen);
}

}  // namespace

OverlayBuilder::OverlayBuilder(const CompiledSnapshot& base, const Overlay* before)
    : base_(base), made_(before == nullptr ? new Overlay : new Overlay(*before)) {
  if (before == nullptr) {
    made_->categories_ = base.categories();
    made_->feed_entries_.resize(base.feeds().size());
  }
}

CategoryId OverlayBuilder::category_number(std::string_view category) {
  auto& categories = made_->categories_;
  const auto found = std::find(categories.begin(), categories.end(), category);
  if (found == categories.end() && categories.size() == kMaxCategories) {
    return kMaxCategories - 1;  // as in a base
  }
  const auto number = static_cast<CategoryId>(found - categories.begin());
  if (found == categories.end()) {
    categories.emplace_back(category);
  }
  return number;
}

uint32_t OverlayBuilder::own_record(const Record& said, std::string_view category, Scope scope,
                                    Origin origin) {
  const auto intern = [&](std::string_view text) { return made_->texts_.intern(text); };
  Overlay::OwnRecord record;
  record.feed = said.feed;
  record.category = category_number(category);
  record.said.first_seen = said.first_seen;
  record.said.valid_from = said.valid_from;
  record.said.valid_until = said.valid_until;
  record.said.threat = intern(said.threat);
  record.said.reference = intern(said.reference);
  record.said.note = intern(said.note);
  record.said.source_ref = intern(said.source_ref);
  record.said.action = said.action;
  record.said.confidence = said.confidence;
  record.said.scope = scope;
  record.said.origin = origin;
  // One push after the other says the same of another name: the last few records are where it stands.
  constexpr size_t kLookBack = 16;
  auto& own = made_->own_;
  const size_t first = own.size() - std::min(own.size(), kLookBack);
  const auto found = std::find(own.begin() + static_cast<ptrdiff_t>(first), own.end(), record);
  const auto number = static_cast<uint32_t>(found - own.begin());
  if (found == own.end()) {
    own.push_back(record);
  }
  return number | Overlay::kOwn;
}

SaidRecord OverlayBuilder::describe(uint32_t number) const {
  if ((number & Overlay::kOwn) != 0) {
    const RunRecord& own = made_->own(number).said;
    const Record said = made_->record(number);
    return {number, said, made_->categories_[said.category], own.scope, own.origin};
  }
  const Record said = base_.record(number);
  const RecordProfile profile = base_.record_table().profile(number);
  return {number, said, base_.categories()[said.category], profile.scope, profile.origin};
}

std::vector<SaidRecord> OverlayBuilder::describe(std::span<const uint32_t> records) const {
  std::vector<SaidRecord> all;
  for (const uint32_t record : records) {
    all.push_back(describe(record));
  }
  return all;
}

OverlayBuilder::Present OverlayBuilder::present(Bytes key) const {
  if (const Overlay::Listed* listed = made_->find(key)) {
    return {describe(made_->records(*listed)), listed->in_base};
  }
  const auto posting = base_.name_index().posting_of(key);
  if (!posting) {
    return {};
  }
  uint32_t single = 0;
  return {describe(base_.record_table().listed(*posting, single)), true};
}

OverlayBuilder::Present OverlayBuilder::present(const Prefix& prefix) const {
  if (const Overlay::Listed* listed = made_->find(prefix)) {
    return {describe(made_->records(*listed)), listed->in_base};
  }
  const auto value = base_.address_index().value_of(prefix);
  if (!value) {
    return {};
  }
  uint32_t single = 0;
  return {describe(base_.record_table().listed(*value, single)), true};
}

void OverlayBuilder::count_entries(const std::vector<SaidRecord>& said, int64_t sign) {
  for (size_t i = 0; i < said.size(); ++i) {
    const bool is_repeated =
        std::any_of(said.begin(), said.begin() + static_cast<ptrdiff_t>(i),
                    [&](const SaidRecord& other) { return other.entry() == said[i].entry(); });
    made_->feed_entries_[said[i].said.feed] += is_repeated ? 0 : sign;
  }
}

Overlay::Listed OverlayBuilder::list(const Present& before, std::vector<SaidRecord>& after,
                                     uint64_t generation) {
  if (after.size() > RecordTable::kMaxListed) {  // as RecordTableBuilder does
    const auto order = [](const SaidRecord& each) {
      const bool allows = each.said.action == Action::kAllow;
      return std::tuple(allows, allows ? UINT16_MAX - each.said.feed : 0);
    };
    std::stable_sort(after.begin(), after.end(),
                     [&](const SaidRecord& a, const SaidRecord& b) { return order(a) < order(b); });
    warn_of_cut(after.size());
    after.resize(RecordTable::kMaxListed);
  }
  std::sort(after.begin(), after.end(), [](const SaidRecord& a, const SaidRecord& b) {
    return std::tuple(a.scope, a.said.feed, a.number) < std::tuple(b.scope, b.said.feed, b.number);
  });
  count_entries(before.said, -1);
  count_entries(after, 1);
  Overlay::Listed listed;
  listed.changed = generation;
  listed.in_base = before.in_base;
  listed.at = static_cast<uint32_t>(made_->records_.size());
  listed.count = static_cast<uint16_t>(after.size());
  for (const SaidRecord& each : after) {
    made_->records_.push_back(each.number);
  }
  return listed;
}

void OverlayBuilder::settle(Bytes key, const Present& before, std::vector<SaidRecord> after,
                            uint64_t generation) {
  Overlay::NameEntry entry;
  entry.listed = list(before, after, generation);
  made_->name_entries_ += distinct_scopes(after) - distinct_scopes(before.said);
  size_t depth = 0;
  entry.hash = hash_key(key, base_.name_index().hash_seed(), depth);
  entry.key_at = static_cast<uint32_t>(made_->keys_.size());
  entry.key_size = static_cast<uint16_t>(key.size());
  made_->keys_.insert(made_->keys_.end(), key.begin(), key.end());
  made_->depths_[depth / 64] |= uint64_t{1} << (depth % 64);
  made_->deepest_ = std::max(made_->deepest_, depth);
  names_.push_back(entry);
}

void OverlayBuilder::settle(const Prefix& prefix, const Present& before, std::vector<SaidRecord> after,
                            uint64_t generation) {
  const Overlay::Listed listed = list(before, after, generation);
  made_->address_entries_ += (after.empty() ? 0 : 1) - (before.said.empty() ? 0 : 1);
  blocks_.push_back({listed, prefix});
}

// The settled ones in place of those that were there. One that nothing lists stays, even where the base never
// listed it: another base may have been made of an overlay that did.
void OverlayBuilder::merge_names() {
  std::vector<Overlay::NameEntry> merged;
  merged.reserve(made_->names_.size() + names_.size());
  auto old = made_->names_.begin();
  const auto take_old_before = [&](Bytes key) {
    for (; old != made_->names_.end(); ++old) {
      const Bytes own = made_->key(*old);
      if (!is_key_before(own, key)) {
        old += std::ranges::equal(own, key) ? 1 : 0;
        return;
      }
      merged.push_back(*old);
    }
  };
  for (const Overlay::NameEntry& entry : names_) {
    take_old_before(made_->key(entry));
    merged.push_back(entry);
  }
  merged.insert(merged.end(), old, made_->names_.end());
  made_->names_ = std::move(merged);
}

void OverlayBuilder::merge_blocks() {
  auto& all = made_->blocks_;
  for (const Overlay::BlockEntry& entry : blocks_) {
    auto at = std::lower_bound(
        all.begin(), all.end(), entry.prefix,
        [](const Overlay::BlockEntry& a, const Prefix& b) { return is_before(a.prefix, b); });
    const bool is_there = at != all.end() && at->prefix == entry.prefix;
    if (is_there) {
      *at = entry;
    } else {
      all.insert(at, entry);
    }
  }
  AddressIndexBuilder rows;
  for (size_t i = 0; i < all.size(); ++i) {
    rows.add(all[i].prefix, static_cast<uint32_t>(i));
  }
  made_->v4_rows_ = rows.v4_rows();
  made_->v6_rows_ = rows.v6_rows();
}

void OverlayBuilder::index_names() {
  Overlay::Below& before = made_->all_ = {};
  for (Overlay::NameEntry& entry : made_->names_) {
    entry.listed_before = static_cast<uint32_t>(before.listed);
    entry.gone_before = static_cast<uint32_t>(before.gone);
    before.listed += entry.listed.count != 0 ? 1 : 0;
    before.gone += entry.listed.count == 0 && entry.listed.in_base ? 1 : 0;
  }
  const size_t lines = std::bit_ceil(made_->names_.size() / kNamesPerLine + 1);
  const bool grows = lines > made_->filter_.size();
  if (grows) {
    made_->filter_.assign(lines, FilterLine{});
  }
  for (const Overlay::NameEntry& entry : grows ? made_->names_ : names_) {
    set_filter_bits(made_->filter_[filter_line(entry.hash, static_cast<uint32_t>(made_->filter_.size()))],
                    entry.hash);
  }
}

std::shared_ptr<const Overlay> OverlayBuilder::finish() {
  if (!names_.empty()) {
    merge_names();
    index_names();
  }
  if (!blocks_.empty()) {
    merge_blocks();
  }
  made_->address_index_ = AddressIndex(made_->v4_rows_, made_->v6_rows_);
  return made_;
}

namespace {

// What becomes of one name or block: what goes, goes, and of what comes each takes the place of the same
// entry unless that one lasts longer.
std::vector<SaidRecord> changed(const std::vector<SaidRecord>& before, const OverlayChange& change, bool gone,
                                std::span<const SaidRecord> coming) {
  std::vector<SaidRecord> after;
  for (const SaidRecord& said : before) {
    const bool is_meant = said.said.feed == change.feed && change.origin.value_or(said.origin) == said.origin;
    if (!(gone && is_meant)) {
      after.push_back(said);
    }
  }
  for (const SaidRecord& comes : coming) {
    const auto same = std::find_if(after.begin(), after.end(), [&](const SaidRecord& other) {
      return other.identity() == comes.identity();
    });
    if (same == after.end()) {
      after.push_back(comes);
    } else if (worth_of(same->said, same->category) < worth_of(comes.said, comes.category)) {
      *same = comes;
    }
  }
  return after;
}

// How the feed's entries differ.
void compare(const std::vector<SaidRecord>& before, const std::vector<SaidRecord>& after, FeedId feed,
             ChangedOverlay& out) {
  const auto missing = [&](const std::vector<SaidRecord>& those, const std::vector<SaidRecord>& in) {
    uint64_t count = 0;
    for (auto each = those.begin(); each != those.end(); ++each) {
      const auto is_same = [&](const SaidRecord& other) { return other.entry() == each->entry(); };
      const bool counts = each->said.feed == feed && std::none_of(those.begin(), each, is_same) &&
                          std::none_of(in.begin(), in.end(), is_same);
      count += counts ? 1U : 0U;
    }
    return count;
  };
  out.added += missing(after, before);
  out.removed += missing(before, after);
}

class Changer {
 public:
  Changer(const Layers& layers, const OverlayChange& change, uint64_t generation)
      : change_(change), generation_(generation), builder_(*layers.base, layers.overlay.get()) {}

  ChangedOverlay run() {
    own_records();
    change_names();
    change_blocks();
    out_.overlay = builder_.finish();
    return std::move(out_);
  }

 private:
  void own_records() {
    const FeedRun& run = *change_.coming;
    for (const RunRecord& record : run.records()) {
      Record said = run.said_by(record);
      said.feed = change_.feed;
      records_.push_back(
          builder_.own_record(said, run.texts().at(record.category), record.scope, record.origin));
    }
  }

  template <typename What>
  void touch(const What& what, bool gone, std::span<const SaidRecord> coming) {
    const OverlayBuilder::Present before = builder_.present(what);
    if (before.said.empty() && coming.empty()) {
      return;
    }
    std::vector<SaidRecord> after = changed(before.said, change_, gone, coming);
    compare(before.said, after, change_.feed, out_);
    builder_.settle(what, before, std::move(after), generation_);
  }

  void change_names() {
    std::vector<NameKey> keys(change_.gone_names.begin(), change_.gone_names.end());
    std::vector<Bytes> gone;
    for (const NameKey& key : keys) {
      gone.push_back(key.bytes());
    }
    std::sort(gone.begin(), gone.end(), is_key_before);
    gone.erase(
        std::unique(gone.begin(), gone.end(), [](Bytes a, Bytes b) { return std::ranges::equal(a, b); }),
        gone.end());
    SortedNamesReader names = change_.coming->names();
    bool has_name = names.next();
    auto next_gone = gone.begin();
    std::vector<SaidRecord> coming;
    while (next_gone != gone.end() || has_name) {
      const bool takes_gone =
          next_gone != gone.end() && (!has_name || !is_key_before(names.key(), *next_gone));
      const bool takes_name = has_name && !(takes_gone && is_key_before(*next_gone, names.key()));
      coming.clear();
      for (const uint32_t record : takes_name ? names.numbers() : std::vector<uint32_t>{}) {
        coming.push_back(builder_.describe(records_[record]));
      }
      touch(takes_gone ? *next_gone : names.key(), takes_gone, coming);
      next_gone += takes_gone ? 1 : 0;
      has_name = takes_name ? names.next() : has_name;
    }
  }

  void change_blocks() {
    const auto order = [](const Prefix& a, const Prefix& b) { return is_before(a, b); };
    std::map<Prefix, std::vector<SaidRecord>, decltype(order)> touched(order);
    for (const FeedRun::Block& block : change_.coming->blocks()) {
      touched[block.prefix].push_back(builder_.describe(records_[block.record]));
    }
    for (const Prefix& prefix : change_.gone_blocks) {
      touched[prefix];
    }
    for (const auto& [prefix, coming] : touched) {
      const auto& gone = change_.gone_blocks;
      touch(prefix, std::find(gone.begin(), gone.end(), prefix) != gone.end(), coming);
    }
  }

  const OverlayChange& change_;
  uint64_t generation_;
  OverlayBuilder builder_;
  std::vector<uint32_t> records_;  // the run's record -> the overlay's
  ChangedOverlay out_;
};

}  // namespace

ChangedOverlay change_overlay(const Layers& layers, const OverlayChange& change, uint64_t generation) {
  return Changer(layers, change, generation).run();
}

std::shared_ptr<const Overlay> empty_overlay(const CompiledSnapshot& base) {
  return OverlayBuilder(base, nullptr).finish();
}

std::shared_ptr<const Overlay> rebase_overlay(const Layers& layers, uint64_t generation,
                                              const CompiledSnapshot& base) {
  const Overlay& overlay = *layers.overlay;
  const OverlayBuilder before(*layers.base, &overlay);
  OverlayBuilder builder(base, nullptr);
  // Every text is taken over before any record is described.
  std::vector<std::vector<uint32_t>> copies;
  const auto copy = [&](const Overlay::Listed& listed) {
    copies.emplace_back();
    for (const uint32_t record : overlay.records(listed)) {
      const SaidRecord said = before.describe(record);
      copies.back().push_back(builder.own_record(said.said, said.category, said.scope, said.origin));
    }
  };
  const auto is_later = [&](const auto& entry) { return entry.listed.changed > generation; };
  for (const Overlay::NameEntry& entry : overlay.names()) {
    if (is_later(entry)) {
      copy(entry.listed);
    }
  }
  for (const Overlay::BlockEntry& entry : overlay.blocks()) {
    if (is_later(entry)) {
      copy(entry.listed);
    }
  }
  auto next = copies.begin();
  const auto settle = [&](const auto& what, const Overlay::Listed& listed) {
    std::vector<SaidRecord> after;
    for (const uint32_t record : *next++) {
      after.push_back(builder.describe(record));
    }
    builder.settle(what, builder.present(what), std::move(after), listed.changed);
  };
  for (const Overlay::NameEntry& entry : overlay.names()) {
    if (is_later(entry)) {
      settle(overlay.key(entry), entry.listed);
    }
  }
  for (const Overlay::BlockEntry& entry : overlay.blocks()) {
    if (is_later(entry)) {
      settle(entry.prefix, entry.listed);
    }
  }
  return builder.finish();
}

}  // namespace cenote
