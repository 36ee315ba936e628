#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::ip_test {
using cenote::test::read_feed;

TEST_CASE("An address list takes addresses and blocks, with remarks behind them") {
  CHECK(read_feed("ip", "# x\n; y\n8.8.4.4\n8.8.4.0/24 ; SBL1\n2606:4700::/32 # z\n8.8.4.4:80\n") ==
        "I 8.8.4.4, I 8.8.4.0/24, I 2606:4700::/32, I 8.8.4.4");
}

TEST_CASE("An address list takes nothing else") {
  CHECK(read_feed("ip", "evil.example\n8.8.4\n010.8.4.4\n10.0.0.1\n0.0.0.0/0\n") ==
        "! weird_ip, ! weird_ip, ! weird_ip, ! ip_not_global, ! ip_not_global");
}

}  // namespace cenote::ip_test
