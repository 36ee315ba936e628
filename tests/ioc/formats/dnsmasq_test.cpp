#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::dnsmasq_test {
using cenote::test::read_feed;

TEST_CASE("address, server and local without a server block a name with everything below") {
  CHECK(
      read_feed("dnsmasq", "address=/evil.example/0.0.0.0\nserver=/bad.example/\nlocal=/worse.example/\n") ==
      "S evil.example, S bad.example, S worse.example");
  CHECK(
      read_feed("dnsmasq", "address=/a.example/b.example/::\naddress=/c.example/\naddress=/d.example/#\n") ==
      "S a.example, S b.example, S c.example, S d.example");
  CHECK(read_feed("dnsmasq", "# x\naddress=/evil.example/0.0.0.0 # why\n") == "S evil.example");
}

TEST_CASE("Nothing of dnsmasq's other statements is obeyed") {
  CHECK(read_feed("dnsmasq", "address=/#/0.0.0.0\n") == "! root");
  CHECK(read_feed("dnsmasq", "conf-file=/etc/passwd\ndhcp-script=/bin/sh\n") ==
        "! include_refused, ! include_refused");
  CHECK(read_feed("dnsmasq", "server=/corp.example/10.0.0.1\nserver=9.9.9.9\n") ==
        "! unsupported_rule, ! unsupported_rule");
  CHECK(read_feed("dnsmasq", "address=evil.example\naddress=/evil.example\ncache-size=0\n") ==
        "! unsupported_rule, ! unsupported_rule, ! unsupported_rule");
}

}  // namespace cenote::dnsmasq_test
