#include "ioc/size_guard.h"

#include <algorithm>
#include <limits>

#include "resolver/base/text.h"

namespace cenote {
namespace {

// Below these a change of size is daily work, whatever its share.
constexpr uint64_t kLeastGrowth = 1000;
constexpr uint64_t kLeastShrink = 20;
constexpr uint64_t kLeastRejected = 20;

// Before so many lists are known, the usual changes are not, and these hold.
constexpr size_t kEnoughLists = 5;
constexpr int kFirstGrowth = 100;
constexpr int kFirstShrink = 25;
constexpr int kFirstRejected = 20;  // points above the usual share

// Afterwards: three times what is usual, but within these.
constexpr int kLeastGrowthLimit = 25;
constexpr int kMostGrowthLimit = 400;
constexpr int kLeastShrinkLimit = 10;
constexpr int kMostShrinkLimit = 60;
constexpr int kRejectedAbove = 2;  // points
constexpr uint64_t kManyNew = 100'000;

// Rounded up, so that what was once accepted is within the limit.
int percent_of(uint64_t part, uint64_t whole) {
  const double share = whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return static_cast<int>(std::min(share + 0.999, 1e6));
}

bool is_more(uint64_t part, int percent, uint64_t whole) {
  return percent > 0 && static_cast<double>(part) * 100 > static_cast<double>(whole) * percent;
}

uint64_t added(const ListSize& list) {
  return list.entries > list.before ? list.entries - list.before : 0;
}
uint64_t lost(const ListSize& list) {
  return list.before > list.entries ? list.before - list.entries : 0;
}
int rejected_share(const ListSize& list) {
  return percent_of(list.rejected, list.rejected + list.entries);
}

// The value that `share` of all do not exceed: nearest rank.
template <typename T>
T quantile(std::vector<T> values, double share) {
  std::sort(values.begin(), values.end());
  const double rank = share * static_cast<double>(values.size());
  const auto above =
      static_cast<size_t>(rank) + (rank > static_cast<double>(static_cast<size_t>(rank)) ? 1U : 0U);
  return values[std::max<size_t>(above, 1) - 1];
}

struct Usual {
  size_t changes = 0;  // lists that replaced another one
  int growth = 0;      // percent, the 95th percentile
  int shrink = 0;
  uint64_t added = 0;  // entries
  int rejected = 0;    // percent of the lines, the median
};

Usual usual_of(const std::vector<ListSize>& lists) {
  Usual usual;
  std::vector<int> growth;
  std::vector<int> shrink;
  std::vector<int> rejected;
  std::vector<uint64_t> news;
  for (const ListSize& list : lists) {
    rejected.push_back(rejected_share(list));
    if (list.before != 0) {
      growth.push_back(percent_of(added(list), list.before));
      shrink.push_back(percent_of(lost(list), list.before));
      news.push_back(added(list));
    }
  }
  usual.changes = growth.size();
  if (!rejected.empty()) {
    usual.rejected = quantile(rejected, 0.5);
  }
  if (!growth.empty()) {
    usual.growth = quantile(growth, 0.95);
    usual.shrink = quantile(shrink, 0.95);
    usual.added = quantile(news, 0.95);
  }
  return usual;
}

std::string limit_text(int percent, size_t learnt_from) {
  return learnt_from == 0
             ? fmt::format("{} %", percent)
             : fmt::format("{} %, learnt from its last {}", percent, counted(learnt_from, "list", "lists"));
}

}  // namespace

SizeLimits limits_of(const FeedSettings& feed, const GuardSettings& guards,
                     const std::vector<ListSize>& lists) {
  SizeLimits limits{feed.max_growth.value_or(guards.max_growth), feed.max_shrink.value_or(guards.max_shrink),
                    feed.max_rejected.value_or(guards.max_rejected), 0, 0};
  const bool learns[] = {limits.growth == kLearnt, limits.shrink == kLearnt, limits.rejected == kLearnt};
  const Usual usual = usual_of(lists);
  const bool is_known = usual.changes >= kEnoughLists;
  if (learns[0]) {
    limits.growth =
        is_known ? std::clamp(3 * usual.growth, kLeastGrowthLimit, kMostGrowthLimit) : kFirstGrowth;
    limits.most_new = is_known ? std::max(kManyNew, 3 * usual.added) : 0;
  }
  if (learns[1]) {
    limits.shrink =
        is_known ? std::clamp(3 * usual.shrink, kLeastShrinkLimit, kMostShrinkLimit) : kFirstShrink;
  }
  if (learns[2]) {
    limits.rejected = std::min(usual.rejected + (is_known ? kRejectedAbove : kFirstRejected), 100);
  }
  limits.learnt_from = is_known && (learns[0] || learns[1] || learns[2]) ? lists.size() : 0;
  return limits;
}

std::optional<SizeFinding> judge_list(const ListSize& list, const SizeLimits& limits) {
  if (list.before == 0) {
    return std::nullopt;
  }
  if (list.entries == 0) {
    return SizeFinding{"empty", fmt::format("nothing usable in it, with {} in force",
                                            counted(list.before, "entry", "entries"))};
  }
  if (lost(list) >= kLeastShrink && is_more(lost(list), limits.shrink, list.before)) {
    return SizeFinding{"shrink", fmt::format("shrinks from {} to {} entries, by more than {}", list.before,
                                             list.entries, limit_text(limits.shrink, limits.learnt_from))};
  }
  if (added(list) >= kLeastGrowth && is_more(added(list), limits.growth, list.before)) {
    return SizeFinding{"growth", fmt::format("grows from {} to {} entries, by more than {}", list.before,
                                             list.entries, limit_text(limits.growth, limits.learnt_from))};
  }
  if (limits.most_new > 0 && added(list) > limits.most_new) {
    return SizeFinding{"growth", fmt::format("grows from {} to {} entries, by more than {} at once",
                                             list.before, list.entries, limits.most_new)};
  }
  if (list.rejected >= kLeastRejected &&
      is_more(list.rejected, limits.rejected, list.rejected + list.entries)) {
    return SizeFinding{"rejected", fmt::format("{} of {} lines are rejected, more than {}", list.rejected,
                                               list.rejected + list.entries,
                                               limit_text(limits.rejected, limits.learnt_from))};
  }
  return std::nullopt;
}

void remember(std::vector<ListSize>& lists, const ListSize& list) {
  lists.push_back(list);
  if (lists.size() > kRememberedLists) {
    lists.erase(lists.begin());
  }
}

}  // namespace cenote
