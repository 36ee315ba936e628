#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::dnscrypt_test {
using cenote::test::read_feed;

TEST_CASE("A bare name means everything below, an equals sign only the name") {
  CHECK(read_feed("dnscrypt", "evil.example\n=bad.example\n*.worse.example # why\n") ==
        "S evil.example, E bad.example, S worse.example");
  CHECK(read_feed("dnscrypt", "8.8.4.4\n") == "I 8.8.4.4");
}

TEST_CASE("Patterns and schedules are refused") {
  CHECK(read_feed("dnscrypt", "ads.*\n*evil*\n8.8.4.*\n") ==
        "! unsupported_pattern, ! unsupported_pattern, ! unsupported_pattern");
  CHECK(read_feed("dnscrypt", "evil.example @work\n") == "! unsupported_modifier");
}

}  // namespace cenote::dnscrypt_test
