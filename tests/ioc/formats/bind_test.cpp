#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::bind_test {
using cenote::test::read_feed;

TEST_CASE("A zone that is served here blocks its name with everything below") {
  CHECK(read_feed("bind", "zone \"evil.example\" { type master; notify no; file \"null\"; };\n") ==
        "S evil.example");
  CHECK(read_feed("bind", "zone \"evil.example\" IN {\n  type primary;\n  file \"null\";\n};\n") ==
        "S evil.example");
  CHECK(read_feed("bind",
                  "// a\n# b\n/* c\nzone \"no.example\" { type master; };\n*/ zone \"evil.example\" {type "
                  "master;};") == "S evil.example");
  CHECK(read_feed("bind", "zone \"a.example\"{type master;};zone \"b.example\"{type master;};") ==
        "S a.example, S b.example");
}

TEST_CASE("A zone that others answer for is no block, and nothing is included") {
  for (const char* type : {"slave", "secondary", "forward", "stub", "hint"}) {
    CAPTURE(type);
    CHECK(read_feed("bind", std::string("zone \"ok.example\" { type ") + type + "; };") ==
          "! unsupported_rule");
  }
  CHECK(read_feed("bind", "include \"/etc/passwd\";\noptions { directory \"/\"; type master; };\n") ==
        "! include_refused, ! unsupported_rule");
  CHECK(read_feed("bind", "zone \"ok.example\" { masters { type master; }; };") == "! unsupported_rule");
  CHECK(read_feed("bind", "} } zone \"evil.example\" { type master; };").ends_with("S evil.example"));
}

}  // namespace cenote::bind_test
