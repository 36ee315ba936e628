#include "ioc/feed_delta.h"

#include <catch2/catch.hpp>

namespace cenote::feed_delta_test {
namespace {

FeedRun run_of(const std::vector<std::string>& marks) {
  FeedRun run;
  for (const std::string& mark : marks) {
    Indicator indicator;
    indicator.allow = mark[0] == 'A';
    indicator.scope = mark[0] == 'S' ? Scope::kSuffix : mark[0] == 'W' ? Scope::kBelow : Scope::kExact;
    if (mark[0] == 'I') {
      indicator.kind = Indicator::Kind::kAddress;
      indicator.prefix = *Prefix::from_text(mark.substr(2));
    } else {
      indicator.name = *Name::from_text(mark.substr(2));
    }
    run.add(indicator, {});
  }
  run.finish();
  return run;
}

}  // namespace

TEST_CASE("entries are told apart by name, scope and side", "[ioc][delta]") {
  const FeedDelta delta =
      compare_runs(run_of({"E same.example", "E scope.example", "S gone.example", "I 192.0.2.1"}),
                   run_of({"E same.example", "S scope.example", "A new.example", "I 192.0.2.2"}));
  CHECK(delta.unchanged == 1);
  CHECK(delta.first_added == std::vector<std::string>{"A new.example", "S scope.example", "I 192.0.2.2"});
  CHECK(delta.first_removed == std::vector<std::string>{"S gone.example", "E scope.example", "I 192.0.2.1"});
  CHECK(delta.added == 3);
  CHECK(delta.removed == 3);
}

TEST_CASE("two empty states do not differ", "[ioc][delta]") {
  const FeedDelta delta = compare_runs(run_of({}), run_of({}));
  CHECK(delta.added + delta.removed + delta.unchanged == 0);
}

TEST_CASE("all differences are counted, and the first named", "[ioc][delta]") {
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back("E n" + std::to_string(i) + ".example");
  }
  const FeedDelta delta = compare_runs(run_of({}), run_of(many));
  CHECK(delta.added == 1000);
  CHECK(delta.first_added.size() == kDeltaNames);
}

}  // namespace cenote::feed_delta_test
