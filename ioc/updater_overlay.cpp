#include <algorithm>

#include "ioc/overlaid_snapshot.h"
#include "ioc/store_json.h"
#include "ioc/updater_work.h"
#include "resolver/base/log.h"

namespace cenote {
namespace {

// More lines than this are quicker as a list: an overlay is copied with every change.
constexpr size_t kMostSmallLines = 20'000;
// What small changes may leave beside the compiled snapshot before one goes the long way, which drops it.
// Each with a bad line writes all rejected lines of its feed anew.
constexpr uint64_t kMostLooseBytes = uint64_t{256} << 20;

// Where one feed's entries change, and to what.
struct Touched {
  std::vector<Name> names;
  std::vector<Prefix> blocks;
  void add(std::string_view text) {
    if (const auto prefix = Prefix::from_text(text)) {
      blocks.push_back(*prefix);
    } else if (const auto name = Name::from_text(text)) {
      names.push_back(*name);
    }
  }
  [[nodiscard]] bool holds(std::string_view text) const {
    if (const auto prefix = Prefix::from_text(text)) {
      return std::find(blocks.begin(), blocks.end(), *prefix) != blocks.end();
    }
    const auto name = Name::from_text(text);
    return name && std::find(names.begin(), names.end(), *name) != names.end();
  }
};

}  // namespace

SmallChange Updater::Work::begin_small(std::string what, std::string who, std::string feed) const {
  SmallChange change;
  change.number = store_->next_number();
  change.made = wall_now();
  change.what = std::move(what);
  change.who = std::move(who);
  change.feed = std::move(feed);
  if (const FeedSettings* settings = feed_named(change.feed)) {
    change.settings = settings_id(*settings);
  }
  return change;
}

bool Updater::Work::fits_overlay(const std::string& feed, size_t entries) const {
  const bool is_known = feed.empty() ? feed_id(kExceptionsFeed).has_value()
                                     : feed_named(feed) != nullptr && feed_id(feed).has_value();
  return is_known && entries <= kMostSmallLines && store_->loose_bytes() <= kMostLooseBytes;
}

bool Updater::Work::fits_overlay(const SmallChange& change) const {
  return fits_overlay(change.feed,
                      static_cast<size_t>(std::count(change.patch.begin(), change.patch.end(), '\n')));
}

// The same as a large change.
ChangeResult Updater::Work::enforce_whole(const SmallChange& change) {
  Change whole = begin(change.what, change.who);
  apply(change, whole.next);
  whole.subject = change.feed.empty() ? std::string(kExceptionsFeed) : change.feed;
  if (change.feed.empty()) {
    whole.exceptions = true;
  } else {
    whole.feeds = {change.feed};
  }
  return enforce(std::move(whole));
}

std::optional<FeedId> Updater::Work::feed_id(std::string_view feed) const {
  if (layers_.base == nullptr) {
    return std::nullopt;
  }
  const auto& feeds = layers_.base->feeds();
  const auto found =
      std::find_if(feeds.begin(), feeds.end(), [&](const auto& each) { return each.name == feed; });
  return found == feeds.end() ? std::nullopt : std::optional(static_cast<FeedId>(found - feeds.begin()));
}

// As much of the present as the change can touch: thousands of others need not be copied for it.
StoredGeneration Updater::Work::touched_by_hand(const SmallChange& change) const {
  const StoredGeneration& now = store_->current();
  const std::string& name = change.by_hand_name();
  StoredGeneration touched;
  std::copy_if(
      now.singles.begin(), now.singles.end(), std::back_inserter(touched.singles),
      [&](const SingleIndicator& single) { return single.feed == change.feed && single.name == name; });
  std::copy_if(now.exceptions.begin(), now.exceptions.end(), std::back_inserter(touched.exceptions),
               [&](const ExceptionRecord& record) { return record.exception.name == name; });
  if (const auto feed = now.feeds.find(change.feed); feed != now.feeds.end()) {
    touched.feeds[change.feed].format = feed->second.format;
  }
  return touched;
}

// The patches of one feed, one after the other.
Result<ChangedOverlay> Updater::Work::lay_patch_over(const Layers& layers, const std::string& feed,
                                                     const std::string& patch, const StoredGeneration& after,
                                                     CompiledFeed& compiled) const {
  FeedContent content;
  content.patch = read_patch(patch);
  if (const auto stored = after.feeds.find(feed); stored != after.feeds.end()) {
    content.format = stored->second.format;
  }
  auto coming = compile_content(*feed_named(feed), store_->current(), std::move(content));
  if (!coming) {
    return coming.error();
  }
  compiled = std::move(*coming);
  Touched gone;
  for (const PatchStep& step : read_patch(patch)) {
    if (!step.adds) {
      gone.add(step.text);
    }
  }
  return change_overlay(
      layers, {*feed_id(feed), std::nullopt, std::move(gone.names), std::move(gone.blocks), &compiled.run},
      after.number);
}

// What people added to one feed under these names, or the exceptions there are for them.
Result<ChangedOverlay> Updater::Work::lay_by_hand_over(const Layers& layers, const std::string& feed,
                                                       const std::vector<std::string>& names,
                                                       const StoredGeneration& after) const {
  Touched touched;
  for (const std::string& name : names) {
    touched.add(name);
  }
  CompiledFeed coming;
  if (feed.empty()) {
    std::vector<ExceptionSettings> exceptions = all_exceptions(after);
    std::erase_if(exceptions, [&](const ExceptionSettings& each) { return !touched.holds(each.name); });
    coming.run = compile_exceptions(exceptions);
  } else {
    FeedContent content;
    std::copy_if(after.singles.begin(), after.singles.end(), std::back_inserter(content.singles),
                 [&](const SingleIndicator& each) { return each.feed == feed && touched.holds(each.name); });
    auto compiled = compile_content(*feed_named(feed), store_->current(), std::move(content));
    if (!compiled) {
      return compiled.error();
    }
    coming = std::move(*compiled);
  }
  return change_overlay(layers,
                        {*feed_id(feed.empty() ? kExceptionsFeed : std::string_view(feed)), Origin::kByHand,
                         std::move(touched.names), std::move(touched.blocks), &coming.run},
                        after.number);
}

Result<ChangedOverlay> Updater::Work::lay_over(const Layers& layers, const SmallChange& change,
                                               const StoredGeneration& after, CompiledFeed& compiled) const {
  return change.patch.empty() ? lay_by_hand_over(layers, change.feed, {change.by_hand_name()}, after)
                              : lay_patch_over(layers, change.feed, change.patch, after, compiled);
}

// These small changes over another base than the one that they were made for, as the generations after
// `change`.
Result<Layers> Updater::Work::lay_again(Layers layers, const Change& change,
                                        std::vector<SmallChange>& later) const {
  StoredGeneration state = change.next;
  for (SmallChange& small : later) {
    small.number = state.number + 1;
    if (change.feeds.contains(small.feed)) {
      small.rejects.clear();  // what the new list has of such lines is shown
    }
    apply(small, state);
    CompiledFeed compiled;
    auto changed = lay_over(layers, small, state, compiled);
    if (!changed) {
      return changed.error();
    }
    layers.overlay = changed->overlay;
    const auto view = view_of(layers, small.number);
    small.names = view->names();
    small.addresses = view->addresses();
  }
  return layers;
}

Result<void> Updater::Work::keep(SmallChange& change, const Snapshot& snapshot,
                                 const CompiledFeed& compiled) {
  change.names = snapshot.names();
  change.addresses = snapshot.addresses();
  change.rejected = compiled.rejected;
  change.held = compiled.held;
  if (!compiled.rows.empty()) {
    std::vector<RejectRow> rows = rejects(change.feed);
    rows.insert(rows.end(), compiled.rows.begin(), compiled.rows.end());
    rows.resize(std::min(rows.size(), kMaxRejectRows + kMaxHeldRows));
    auto id = store_->put_content(write_rejects(rows));
    if (!id) {
      return id.error();
    }
    change.rejects = *id;
  }
  return store_->append(change);
}

ChangeResult Updater::Work::summary(const SmallChange& change, const ChangedOverlay& changed,
                                    const CompiledFeed& compiled) const {
  ChangeResult result;
  result.accepted = true;
  result.generation = change.number;
  result.added = changed.added;
  result.removed = changed.removed;
  result.unchanged =
      entries_of(change.feed.empty() ? std::string(kExceptionsFeed) : change.feed) - changed.removed;
  result.rejected = compiled.rejected;
  result.held = compiled.held;
  result.first_rejects = compiled.rows;
  result.first_rejects.resize(std::min(result.first_rejects.size(), kFirstRejects));
  return result;
}

}  // namespace cenote
