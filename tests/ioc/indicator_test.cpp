#include "ioc/indicator.h"

#include <catch2/catch.hpp>

namespace cenote::indicator_test {

TEST_CASE("Actions and scopes read back from their own words") {
  for (const Action action : {Action::kPass, Action::kMonitor, Action::kNodata, Action::kNxdomain,
                              Action::kSinkhole, Action::kRefuse, Action::kDrop, Action::kAllow}) {
    CHECK(parse_action(to_text(action)) == action);
  }
  for (const Scope scope : {Scope::kExact, Scope::kSuffix, Scope::kBelow}) {
    CHECK(parse_scope(to_text(scope)) == scope);
  }
  CHECK(to_text(Action::kSinkhole) == "sinkhole");
  CHECK_FALSE(parse_action("Sinkhole").has_value());
  CHECK_FALSE(parse_scope("").has_value());
}

}  // namespace cenote::indicator_test
