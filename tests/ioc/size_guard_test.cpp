#include "ioc/size_guard.h"

#include <catch2/catch.hpp>

namespace cenote::size_guard_test {
namespace {

SizeLimits learnt(const std::vector<ListSize>& lists) {
  return limits_of({}, {}, lists);
}

std::vector<ListSize> steady(size_t count, uint64_t entries, uint64_t rejected = 0) {
  std::vector<ListSize> lists;
  for (size_t i = 0; i < count; ++i) {
    remember(lists, {i == 0 ? 0 : entries, entries, rejected});
  }
  return lists;
}

std::string guard_of(const ListSize& list, const SizeLimits& limits) {
  const auto finding = judge_list(list, limits);
  return finding ? finding->guard : "";
}

}  // namespace

TEST_CASE("before five lists replaced another the limits are wide, then they follow the feed",
          "[ioc][size_guard]") {
  CHECK(learnt({}) == SizeLimits{100, 25, 20, 0, 0});
  CHECK(learnt(steady(5, 1000)) == SizeLimits{100, 25, 20, 0, 0});  // four changes
  CHECK(learnt(steady(6, 1000)) == SizeLimits{25, 10, 2, 100'000, 6});
}

TEST_CASE("a volatile feed has wide limits of its own, but not endless ones", "[ioc][size_guard]") {
  std::vector<ListSize> lists = steady(1, 1000);
  for (int i = 0; i < 10; ++i) {
    remember(lists, i % 2 == 0 ? ListSize{1000, 850, 0} : ListSize{850, 1000, 0});
  }
  CHECK(learnt(lists) == SizeLimits{54, 45, 2, 100'000, 11});  // 3 x 18 %, 3 x 15 %
  for (int i = 0; i < 10; ++i) {
    remember(lists, i % 2 == 0 ? ListSize{1000, 100, 0} : ListSize{100, 1000, 0});
  }
  CHECK(learnt(lists).growth == 400);
  CHECK(learnt(lists).shrink == 60);
}

TEST_CASE("one outlier among thirty lists does not become the measure", "[ioc][size_guard]") {
  std::vector<ListSize> lists = steady(30, 1000);
  lists[10] = {1000, 5000, 0};
  CHECK(learnt(lists).growth == 25);
  for (size_t i = 11; i < 14; ++i) {
    lists[i] = {1000, 1400, 0};
  }
  CHECK(learnt(lists).growth == 120);
}

TEST_CASE("only the last thirty lists count", "[ioc][size_guard]") {
  std::vector<ListSize> lists = steady(20, 1000);
  for (int i = 0; i < 20; ++i) {
    remember(lists, {1000, 1200, 0});
  }
  CHECK(lists.size() == kRememberedLists);
  CHECK(lists.front() == ListSize{1000, 1000, 0});
  CHECK(learnt(lists).growth == 60);
}

TEST_CASE("a feed of which half is always rejected is held when more is", "[ioc][size_guard]") {
  const SizeLimits limits = learnt(steady(10, 1000, 1222));  // 55 %
  CHECK(limits.rejected == 57);
  CHECK(guard_of({1000, 1000, 1300}, limits).empty());
  CHECK(guard_of({1000, 1000, 1400}, limits) == "rejected");
  CHECK(guard_of({1000, 1000, 19}, learnt(steady(10, 1000))).empty());  // under two percent
}

TEST_CASE("what is set is not learnt, and off is off", "[ioc][size_guard]") {
  FeedSettings feed;
  feed.max_growth = 50;
  feed.max_rejected = 0;
  GuardSettings guards;
  guards.max_growth = 70;
  guards.max_shrink = 0;
  const SizeLimits limits = limits_of(feed, guards, steady(10, 1000));
  CHECK(limits == SizeLimits{50, 0, 0, 0, 0});
  CHECK(guard_of({100'000, 140'000, 0}, limits).empty());
  CHECK(guard_of({100'000, 160'000, 0}, limits) == "growth");
  CHECK(guard_of({100'000, 1, 1'000'000}, limits).empty());
  CHECK(guard_of({100'000, 0, 0}, limits) == "empty");  // nothing at all is never meant
}

TEST_CASE("a hundred thousand new entries wait even where they are a small share", "[ioc][size_guard]") {
  const SizeLimits limits = learnt(steady(10, 1'000'000));
  CHECK(guard_of({1'000'000, 1'100'000, 0}, limits).empty());
  CHECK(guard_of({1'000'000, 1'100'001, 0}, limits) == "growth");
  std::vector<ListSize> busy = steady(1, 1'000'000);
  for (int i = 0; i < 10; ++i) {
    remember(busy, {1'000'000, 1'050'000, 0});
  }
  CHECK(guard_of({1'000'000, 1'150'000, 0}, learnt(busy)).empty());
}

TEST_CASE("a first list passes whatever it is", "[ioc][size_guard]") {
  CHECK(guard_of({0, 5'000'000, 5'000'000}, learnt({})).empty());
  CHECK(guard_of({0, 0, 100}, learnt({})).empty());
}

}  // namespace cenote::size_guard_test
