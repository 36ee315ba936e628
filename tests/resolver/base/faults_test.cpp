#include "resolver/base/faults.h"

#include <set>

#include <catch2/catch.hpp>

namespace cenote::faults_test {

TEST_CASE("a fault is there from the time it is said until the part works again", "[base][faults]") {
  Faults faults;
  CHECK(faults.all().empty());
  faults.off(Part::kPageHttps, "no CA");
  faults.impaired(Part::kDot, "an old key");
  faults.off(Part::kPageHttps, "an old CA");
  CHECK(faults.is_off(Part::kPageHttps));
  CHECK_FALSE(faults.is_off(Part::kDot));
  CHECK_FALSE(faults.is_off(Part::kDoh));
  CHECK(faults.all() ==
        std::vector<Fault>{{Part::kDot, false, "an old key"}, {Part::kPageHttps, true, "an old CA"}});
  faults.clear(Part::kPageHttps);
  faults.clear(Part::kTokens);
  CHECK(faults.all().size() == 1);
}

TEST_CASE("each part has a name of its own", "[base][faults]") {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kParts; ++i) {
    CHECK_FALSE(to_text(static_cast<Part>(i)).empty());
    names.insert(to_text(static_cast<Part>(i)));
  }
  CHECK(names.size() == kParts);
}

}  // namespace cenote::faults_test
