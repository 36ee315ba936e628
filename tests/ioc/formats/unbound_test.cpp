#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::unbound_test {
using cenote::test::read_feed;

TEST_CASE("A local-zone of a blocking type blocks the name with everything below") {
  CHECK(read_feed("unbound", "server:\n  local-zone: \"evil.example\" always_nxdomain\n") ==
        "S evil.example");
  CHECK(read_feed("unbound", "local-zone: bad.example. static # why\nlocal-zone: 'x.example' refuse\n") ==
        "S bad.example, S x.example");
  for (const char* type :
       {"transparent", "typetransparent", "inform", "nodefault", "noview", "always_transparent", ""}) {
    CAPTURE(type);
    CHECK(read_feed("unbound", std::string("local-zone: \"ok.example\" ") + type) == "! unsupported_rule");
  }
}

TEST_CASE("local-data belongs to the zone before it, or stands for its own name") {
  CHECK(read_feed("unbound", "local-zone: \"a.example\" redirect\nlocal-data: \"a.example A 0.0.0.0\"\n") ==
        "S a.example");
  CHECK(read_feed("unbound", "local-data: \"b.example. 60 IN A 0.0.0.0\"\n") == "E b.example");
}

TEST_CASE("unbound's other statements are refused") {
  CHECK(read_feed("unbound", "include: /etc/passwd\nforward-addr: 10.0.0.1\n") ==
        "! include_refused, ! unsupported_rule");
}

}  // namespace cenote::unbound_test
