// Looking at generations without changing anything: what differs, what a push would do, what others may
// follow. Feeds are compiled again from what the store holds.
#include "ioc/feed_delta.h"
#include "ioc/image.h"
#include "ioc/updater_work.h"

namespace cenote {

Result<FeedRun> Updater::Work::run_of(const FeedSettings& feed, const StoredGeneration& of) {
  Change change;
  change.next = of;
  auto compiled = compile_one(change, feed);
  if (!compiled) {
    return compiled.error().within("feed " + feed.name);
  }
  return std::move(compiled->run);
}

// For a dry run, beside its numbers: which entries, and the policy that would be in force.
void Updater::Work::preview(const Change& change, const Compiled& compiled, const BuiltSnapshot& built,
                            ChangeResult& result) {
  const FeedSettings* feed = feed_named(change.subject);
  const auto after = compiled.find(change.subject);
  if (feed == nullptr || after == compiled.end()) {
    return;
  }
  if (auto before = run_of(*feed, store_->current())) {
    FeedDelta delta = compare_runs(*before, after->second.run);
    result.first_added = std::move(delta.first_added);
    result.first_removed = std::move(delta.first_removed);
  }
  if (auto image = Image::from_bytes(built.image)) {
    if (auto candidate = CompiledSnapshot::from_image(std::move(*image))) {
      result.candidate = std::move(*candidate);
    }
  }
}

Result<GenerationDiff> Updater::Work::diff(uint64_t from, uint64_t to) {
  const auto before = store_->generation(from);
  const auto after = store_->generation(to);
  if (!before || !after) {
    return fail("generation {} is not kept", before ? to : from);
  }
  GenerationDiff diff{from, to, {}};
  for (const FeedSettings& feed : settings_.feeds) {
    auto was = run_of(feed, *before);
    auto is = run_of(feed, *after);
    if (!was || !is) {
      return was ? is.error() : was.error();
    }
    FeedDelta delta = compare_runs(*was, *is);
    delta.feed = feed.name;
    if (delta.added + delta.removed != 0) {
      diff.feeds.push_back(std::move(delta));
    }
  }
  return diff;
}

Result<std::string> Updater::Work::export_set(const ExportRequest& request) {
  if (!request.feed.empty() && feed_named(request.feed) == nullptr) {
    return fail("no feed is named {}", request.feed);
  }
  std::vector<FeedRun> runs;
  std::vector<ExportSource> sources;
  runs.reserve(settings_.feeds.size());
  for (const FeedSettings& feed : settings_.feeds) {
    if (!request.feed.empty() && feed.name != request.feed) {
      continue;
    }
    auto run = run_of(feed, store_->current());
    if (!run) {
      return run.error();
    }
    runs.push_back(std::move(*run));
    sources.push_back({feed.name, &runs.back()});
  }
  return export_indicators(sources, all_exceptions(store_->current()), request,
                           {unix_seconds(wall_now()), store_->current().number});
}

}  // namespace cenote
