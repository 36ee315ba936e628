#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::defanged_test {
using cenote::test::read_feed;

TEST_CASE("Of free text only what was made harmless is an indicator") {
  CHECK(read_feed("defanged", "See https://news.example.com/x for evil[.]example.com and 8.8[.]4[.]4.\n") ==
        "E evil.example.com, I 8.8.4.4");
  CHECK(read_feed("defanged", "hxxp://bad.example.com:8080/a,2026-01-01 00:00:00,0123\n") ==
        "E bad.example.com");
  CHECK(read_feed("defanged", "- name[.]example[.]com - 8.8.4[.]4\n") == "E name.example.com, I 8.8.4.4");
  CHECK(read_feed("defanged", "- `++http://x[.]example.com++`, \u00A0(evil[.]example.com)\n") ==
        "E x.example.com, E evil.example.com");
  CHECK(read_feed("defanged", "|`hXXps://evil.example[.]co[.]za/a?b=c` |C&C\n") == "E evil.example.co.za");
}

TEST_CASE("File names and mail addresses are no hosts, however they are written") {
  CHECK(read_feed("defanged", "gate[.]php\n") == "! unknown_tld");
  CHECK(read_feed("defanged", "someone@evil[.]example.com\n") == "! not_network");
  CHECK(read_feed("defanged", "In(ter)ception [1] (see above) evil.example.com\n") == "");
}

}  // namespace cenote::defanged_test
