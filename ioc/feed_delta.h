// How two states of one feed differ, entry by entry: what a preview and `feed diff N M` show.
//
// Threads: one, the updater's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ioc/feed_run.h"

namespace cenote {

constexpr size_t kDeltaNames = 100;  // as many are named; all are counted

struct FeedDelta {
  std::string feed;
  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t unchanged = 0;
  std::vector<std::string> first_added;  // "S evil.example", "I 192.0.2.0/24"
  std::vector<std::string> first_removed;
};

struct GenerationDiff {
  uint64_t from = 0;
  uint64_t to = 0;
  std::vector<FeedDelta> feeds;  // those that differ
};

// Entries are the same when name or block, scope and side (block or allow) are. REQUIRES: both finish()ed.
FeedDelta compare_runs(const FeedRun& before, const FeedRun& after);

}  // namespace cenote
