// Back to an earlier generation: with its compiled snapshot where that is kept and still right, which takes
// moments whatever its size; else its lists are compiled again.
#include <algorithm>
#include <tuple>

#include "ioc/snapshot_difference.h"
#include "ioc/updater_work.h"
#include "resolver/base/guarded.h"
#include "resolver/base/log.h"

namespace cenote {
namespace {

bool is_same(const StoredFeed& now, const StoredFeed& then, const std::string& settings) {
  const auto inputs = [](const StoredFeed& feed) {
    return std::tie(feed.content, feed.format, feed.patch, feed.patch_bytes, feed.patch_tail, feed.decisions,
                    feed.is_promoted);
  };
  return inputs(now) == inputs(then) && now.settings == settings;
}

bool has_same_singles(const std::vector<SingleIndicator>& now, const std::vector<SingleIndicator>& then,
                      const std::string& feed) {
  std::vector<std::tuple<std::string, bool, std::string, std::string, std::optional<WallTime>>> singles;
  for (const SingleIndicator& single : now) {
    if (single.feed == feed) {
      singles.emplace_back(single.name, single.exact, single.category, single.reason, single.until);
    }
  }
  size_t at = 0;
  for (const SingleIndicator& single : then) {
    if (single.feed == feed &&
        (at == singles.size() || singles[at++] != std::tie(single.name, single.exact, single.category,
                                                           single.reason, single.until))) {
      return false;
    }
  }
  return at == singles.size();
}

}  // namespace

ChangeResult Updater::Work::rollback(uint64_t generation, const std::string& who) {
  const std::optional<StoredGeneration> target = store_->generation(generation);
  if (!target) {
    return refused(fmt::format("generation {} is not kept", generation));
  }
  Change change = begin(fmt::format("rollback to {}", generation), who);
  const StoredGeneration before = change.next;
  change.next.feeds = target->feeds;
  change.next.singles = target->singles;
  change.next.exceptions = target->exceptions;
  change.exceptions = true;
  for (const FeedSettings& feed : settings_.feeds) {
    const auto now = before.feeds.find(feed.name);
    StoredFeed& then = change.next.feeds[feed.name];
    if (now != before.feeds.end()) {
      then.version = now->second.version;  // the source is not looked at again before it changes again
    }
    // What is in force as it was then need not be compiled again: a rollback is for the moments that count.
    if (now == before.feeds.end() || !is_same(now->second, then, settings_id(feed)) ||
        !has_same_singles(before.singles, target->singles, feed.name)) {
      change.feeds.insert(feed.name);
    }
  }
  const auto snapshot = kept_snapshot(*target);
  return snapshot == nullptr ? enforce(std::move(change)) : enforce_again(std::move(change), *snapshot);
}

// What was compiled for it then, if it would come out the same today.
std::unique_ptr<const CompiledSnapshot> Updater::Work::kept_snapshot(const StoredGeneration& of) const {
  if (of.snapshot == 0 || of.exceptions_settings != fingerprint_of(settings_.exceptions)) {
    return nullptr;
  }
  for (const FeedSettings& feed : settings_.feeds) {
    const auto stored = of.feeds.find(feed.name);
    const bool has_any = stored != of.feeds.end() && !stored->second.settings.empty();
    if (has_any && stored->second.settings != settings_id(feed)) {
      return nullptr;
    }
  }
  auto snapshot = CompiledSnapshot::open(store_->snapshot_path(of.number));
  if (!snapshot || (*snapshot)->checksum() != of.snapshot || has_other_feeds(**snapshot)) {
    return nullptr;
  }
  return std::move(*snapshot);
}

Result<BuiltSnapshot> Updater::Work::copy_of(const CompiledSnapshot& then, uint64_t generation) const {
  auto file = TemporaryFile::create(incoming_);
  if (!file) {
    return file.error();
  }
  Result<void> copied = file->append(then.image());
  if (copied) {
    copied = renumber_snapshot(*file, generation);
  }
  if (!copied) {
    return copied.error();
  }
  return BuiltSnapshot{
      {}, std::make_shared<TemporaryFile>(std::move(*file)), {}, then.names(), then.addresses()};
}

ChangeResult Updater::Work::enforce_again(Change change, const CompiledSnapshot& then) {
  if (std::string full = no_room_to_note(); !full.empty()) {
    return refused(std::move(full));
  }
  const Layers before = change.from;
  const uint64_t since = store_->current().number;
  change.next.number = store_->next_number();
  change.next.made = wall_now();
  std::vector<std::string> changed(change.feeds.begin(), change.feeds.end());
  ChangeResult result;
  for (const std::string& name : changed) {
    StoredFeed& feed = change.next.feeds[name];
    feed.generation = change.next.number;
    result.rejected += feed.rejected;
    result.held += feed.held;
  }
  auto again = copy_of(then, change.next.number);
  if (!again) {
    return refused(again.error().message);
  }
  const auto over_it = put_in_force(change, {}, *again, since);
  if (!over_it) {
    return refused(over_it.error().message);
  }
  const Layers now = layers_;
  changed.emplace_back(kExceptionsFeed);
  // It is in force, and on record only with its figures: no small change may come to the record before it.
  const auto compared = guarded([&] {
    behind_serving(
        [&] {
          for (const FeedDifference& each :
               compare_snapshots(*before.base, before.overlay.get(), *now.base, changed)) {
            result.added += each.added;
            result.removed += each.removed;
            result.unchanged += each.unchanged;
          }
        },
        Meanwhile::kNothing);
    return Result<void>();
  });
  if (!compared) {  // for want of memory: it is in force all the same
    log::error("rollback: how it differs from what was in force before cannot be told: {}",
               compared.error().message);
    result.added = result.removed = result.unchanged = 0;
  }
  result.accepted = true;
  result.generation = change.next.number;
  note_audit(change.next, "done", change.why, result);
  note_again(change, *over_it);
  refresh_views();
  return result;
}

}  // namespace cenote
