#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::hosts_test {
using cenote::test::read_feed;

TEST_CASE("A hosts line gives every name behind a sink address") {
  CHECK(read_feed("hosts", "0.0.0.0 evil.example bad.example # two\n") == "E evil.example, E bad.example");
  CHECK(read_feed("hosts", "127.0.0.53\tevil.example\r\n:: evil.example\n::1 evil.example\n") ==
        "E evil.example, E evil.example, E evil.example");
  CHECK(read_feed("hosts", "0.0.0.0 evil.example#why\n") == "E evil.example");
}

TEST_CASE("A redirect is not a block") {
  CHECK(read_feed("hosts", "203.0.113.9 www.bank.example\n") == "! hosts_redirect");
  CHECK(read_feed("hosts", "2606:4700::1111 www.bank.example\n") == "! hosts_redirect");
  CHECK(read_feed("hosts", "192.168.1.254 evil.example\n") == "! hosts_redirect");
}

TEST_CASE("Boilerplate and names alone are refused, addresses are no indicators") {
  CHECK(read_feed("hosts", "127.0.0.1 localhost\n::1 ip6-localhost\nfe80::1%lo0 localhost\n") ==
        "! special_use, ! single_label, ! hosts_redirect");
  CHECK(read_feed("hosts", "0.0.0.0 0.0.0.0\n") == "! numeric_tld");
  CHECK(read_feed("hosts", "evil.example\n0.0.0.0\n") == "! unsupported_rule, ! empty");
  CHECK(read_feed("hosts", "0.0.0.0 *.evil.example\n") == "! unsupported_pattern");
  CHECK(read_feed("hosts", "0.0.0.0 http://evil.example/\n") == "! bad_url");
}

}  // namespace cenote::hosts_test
