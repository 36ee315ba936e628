// Whether a whole list is about what its feed's lists use to be. A source that comes back with much less,
// much more, nothing, or mostly lines that mean nothing is broken more often than it is right. What is usual
// is learnt from the feed's last lists, where the configuration sets no limit of its own.
//
// Threads: plain functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ioc/feed.h"

namespace cenote {

// A list that was taken.
struct ListSize {
  uint64_t before = 0;               // entries of the feed until then
  uint64_t entries = 0;              // with it
  uint64_t rejected = 0;             // its lines that mean nothing
  std::optional<uint64_t> listed{};  // its lines that mean something; not known of lists of early versions
  bool operator==(const ListSize&) const = default;
};
constexpr size_t kRememberedLists = 30;

// Percent; 0: any.
struct SizeLimits {
  int growth = 0;          // of what was there
  int shrink = 0;          // of what was there
  int rejected = 0;        // of the list's lines
  uint64_t most_new = 0;   // and no more entries at once than this
  size_t learnt_from = 0;  // lists; 0: none of the limits is learnt
  bool operator==(const SizeLimits&) const = default;
};

// `lists`: the feed's last ones, newest last.
SizeLimits limits_of(const FeedSettings& feed, const GuardSettings& guards,
                     const std::vector<ListSize>& lists);

struct SizeFinding {
  const char* guard;  // "empty", "shrink", "growth", "rejected"
  std::string why;    // for people
};
// What speaks against it; a feed's first list has nothing to be compared with.
std::optional<SizeFinding> judge_list(const ListSize& list, const SizeLimits& limits);

void remember(std::vector<ListSize>& lists, const ListSize& list);

}  // namespace cenote
