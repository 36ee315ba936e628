#include "ioc/feed_run.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "tests/ioc/feed_model.h"
#include "tests/support/temporary_folder.h"

namespace cenote::feed_run_test {
namespace {

using Said = std::map<std::string, std::vector<std::pair<Scope, std::string>>>;  // key -> scope, threat

Said said_by(const FeedRun& run) {
  Said said;
  std::string last;
  for (SortedNamesReader names = run.names(); names.next();) {
    const std::string key(as_text(names.key()));
    REQUIRE((said.empty() || last < key));
    last = key;
    for (const uint32_t number : names.numbers()) {
      const RunRecord& record = run.records()[number];
      said[key].emplace_back(record.scope, run.said_by(record).threat);
    }
    std::sort(said[key].begin(), said[key].end());
  }
  return said;
}

constexpr int64_t kFirstEnd = 1'800'000'000;
constexpr std::array<std::string_view, 4> kThreats{"first", "second", "third", "last"};  // by their ends

// Lasts so many seconds longer than the shortest.
Indicator some_indicator(std::mt19937_64& random, size_t more) {
  Indicator indicator = test::listed("host" + std::to_string(random() % 120'000) + ".example",
                                     random() % 3 == 0 ? Scope::kSuffix : Scope::kExact);
  indicator.threat = kThreats[more];
  indicator.valid_until = WallTime(seconds(kFirstEnd + static_cast<int64_t>(more)));
  return indicator;
}

}  // namespace

TEST_CASE("a list that is sorted in many parts comes to what a map makes of it", "[ioc][feed_run]") {
  const TemporaryFolder folder;
  std::mt19937_64 random(3);
  FeedRun run(folder.path());
  std::map<std::pair<std::string, Scope>, size_t> latest;
  for (int i = 0; i < 200'000; ++i) {
    const size_t more = random() % kThreats.size();
    const Indicator indicator = some_indicator(random, more);
    run.add(indicator, test::feed("f"));
    size_t& kept = latest[{std::string(as_text(NameKey(indicator.name).bytes())), indicator.scope}];
    kept = std::max(kept, more);
  }
  run.finish();
  Said expected;
  for (const auto& [entry, more] : latest) {
    expected[entry.first].emplace_back(entry.second, kThreats[more]);
  }
  CHECK(run.is_whole());
  CHECK(run.entries() == latest.size());
  CHECK((said_by(run) == expected));
}

TEST_CASE("a list that the disk has no room for is not taken for a shorter one", "[ioc][feed_run]") {
  std::mt19937_64 random(3);
  FeedRun run("/nowhere/at/all");
  for (int i = 0; i < 200'000; ++i) {
    run.add(some_indicator(random, 0), test::feed("f"));
  }
  run.finish();
  CHECK_FALSE(run.is_whole());
}

}  // namespace cenote::feed_run_test
