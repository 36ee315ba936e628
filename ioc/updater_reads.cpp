// Looking at generations without changing anything: what differs, what a push would do, what others may
// follow. Feeds are compiled again from what the store holds.
#include <algorithm>

#include "ioc/feed_delta.h"
#include "ioc/updater_work.h"

namespace cenote {
namespace {

Error unreadable() {
  return fail("what was put aside while the lists were compiled cannot be read");
}

}  // namespace

std::vector<ExceptionSettings> Updater::Work::all_exceptions(const StoredGeneration& of) const {
  std::vector<ExceptionSettings> all = settings_.exceptions;
  for (const ExceptionRecord& record : of.exceptions) {
    all.push_back(record.exception);
  }
  return all;
}

Result<FeedRun> Updater::Work::run_of(const FeedSettings& feed, const StoredGeneration& of) const {
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
  const StoredGeneration now = store_->current();
  behind_serving([&] {
    if (auto before = run_of(*feed, now)) {
      FeedDelta delta = compare_runs(*before, after->second.run);
      result.first_added = std::move(delta.first_added);
      result.first_removed = std::move(delta.first_removed);
    }
  });
  if (auto candidate = CompiledSnapshot::open(built.file->path())) {
    result.candidate = std::move(*candidate);
  }
}

Result<GenerationDiff> Updater::Work::diff(uint64_t from, uint64_t to) {
  const auto before = store_->generation(from);
  const auto after = store_->generation(to);
  if (!before || !after) {
    return fail("generation {} is not kept", before ? to : from);
  }
  Result<GenerationDiff> diff = GenerationDiff{from, to, {}};
  behind_serving([&] {
    for (const FeedSettings& feed : settings_.feeds) {
      auto delta = delta_of(feed, *before, *after);
      if (!delta) {
        diff = delta.error();
        return;
      }
      if (delta->added + delta->removed != 0) {
        diff->feeds.push_back(std::move(*delta));
      }
    }
  });
  return diff;
}

Result<FeedDelta> Updater::Work::delta_of(const FeedSettings& feed, const StoredGeneration& before,
                                          const StoredGeneration& after) const {
  const auto was = run_of(feed, before);
  const auto is = run_of(feed, after);
  if (!was || !is) {
    return was ? is.error() : was.error();
  }
  FeedDelta delta = compare_runs(*was, *is);
  delta.feed = feed.name;
  return was->is_whole() && is->is_whole() ? Result<FeedDelta>(std::move(delta)) : unreadable();
}

Result<std::string> Updater::Work::export_set(const ExportRequest& request) {
  if (!request.feed.empty() && feed_named(request.feed) == nullptr) {
    return fail("no feed is named {}", request.feed);
  }
  const StoredGeneration now = store_->current();
  Result<std::string> text = fail("nothing was written");
  behind_serving([&] { text = export_of(request, now); });
  return text;
}

Result<std::string> Updater::Work::export_of(const ExportRequest& request,
                                             const StoredGeneration& now) const {
  std::vector<FeedRun> runs;
  std::vector<ExportSource> sources;
  runs.reserve(settings_.feeds.size());
  for (const FeedSettings& feed : settings_.feeds) {
    if (!request.feed.empty() && feed.name != request.feed) {
      continue;
    }
    auto run = run_of(feed, now);
    if (!run) {
      return run.error();
    }
    runs.push_back(std::move(*run));
    sources.push_back({feed.name, &runs.back()});
  }
  auto text =
      export_indicators(sources, all_exceptions(now), request, {unix_seconds(wall_now()), now.number});
  const bool are_whole =
      std::all_of(runs.begin(), runs.end(), [](const FeedRun& run) { return run.is_whole(); });
  return are_whole ? std::move(text) : unreadable();
}

}  // namespace cenote
