#include "resolver/upstream/lookup.h"

#include <catch2/catch.hpp>

#include "tests/support/sockets.h"

namespace cenote::lookup_test {
namespace {

UpstreamSettings served_by(const SocketAddress& server) {
  UpstreamServer one;
  one.address = server;
  return {{{Name(), {one}}}};
}

}  // namespace

TEST_CASE("a host is looked up at the upstream servers", "[upstream][lookup]") {
  test::ScriptedUpstream upstream;
  const auto found = look_up(served_by(upstream.address()), "feeds.example");
  REQUIRE(found.size() == 1);
  CHECK(found[0].to_text() == "192.0.2.1");
  CHECK(upstream.queries() == 2);  // A and AAAA
}

TEST_CASE("nobody to ask, or nothing to ask for, is no address", "[upstream][lookup]") {
  CHECK(look_up({}, "feeds.example").empty());
  test::ScriptedUpstream upstream;
  CHECK(look_up(served_by(upstream.address()), "").empty());
  CHECK(look_up(served_by(upstream.address()), "a..b").empty());
}

}  // namespace cenote::lookup_test
