#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::yaml_test {
using cenote::test::read_feed;

TEST_CASE("Texts below a network key are indicators") {
  CHECK(read_feed(
            "yaml",
            "- name: X\n  packages:\n  - com.evil.app\n  websites:\n  - evil.example\n  c2:\n    domains:\n"
            "    - bad.example\n    ips:\n    - 8.8.4.4\n") == "E evil.example, E bad.example, I 8.8.4.4");
  CHECK(read_feed("yaml", "domains: [a.example, 'b.example']\nnote: c.example\n") ==
        "E a.example, E b.example");
}

TEST_CASE("Broken, bottomless and exploding documents are refused") {
  CHECK(read_feed("yaml", "a: [b\n") == "refused: yaml");
  CHECK(read_feed("yaml", std::string(100, '[') + std::string(100, ']')) == "refused: yaml");
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) {
      bomb += ", " + last;
    }
    bomb += "]\n";
  }
  CHECK(read_feed("yaml", bomb) == "refused: yaml");
}

}  // namespace cenote::yaml_test
