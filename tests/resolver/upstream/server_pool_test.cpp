#include "resolver/upstream/server_pool.h"

#include <catch2/catch.hpp>

#include "resolver/dns/types.h"

namespace cenote::server_pool_test {
namespace {

constexpr MonoTime kStart{seconds{1000}};

Name name(std::string_view text) {
  return Name::from_text(text).value();
}
UpstreamServer server(uint16_t port, UpstreamServer::Scheme scheme = UpstreamServer::Scheme::kUdp) {
  UpstreamServer made;
  made.scheme = scheme;
  made.address = SocketAddress(IpAddress::v4({192, 0, 2, 1}), port);
  return made;
}
UpstreamSettings two_servers() {
  return {{{Name(), {server(1), server(2)}}}};
}
std::vector<uint16_t> order(ServerPool& pool, MonoTime now) {
  std::vector<uint16_t> all;
  for (const auto& candidate : pool.candidates(0, now)) {
    all.push_back(candidate.server);
  }
  return all;
}
using Order = std::vector<uint16_t>;

}  // namespace

TEST_CASE("the longest zone around a name serves it", "[upstream][server_pool]") {
  ServerPool pool(
      {{{Name(), {server(1)}}, {name("corp.test"), {server(2)}}, {name("lab.corp.test"), {server(3)}}}});
  const auto zone = [&](std::string_view asked) {
    return pool.zone_name(*pool.zone_of(name(asked))).to_text();
  };
  CHECK(zone("www.example") == ".");
  CHECK(zone("corp.test") == "corp.test");
  CHECK(zone("a.b.corp.test") == "corp.test");
  CHECK(zone("x.lab.corp.test") == "lab.corp.test");
  CHECK(zone("badcorp.test") == ".");
  CHECK(pool.candidates(*pool.zone_of(name("lab.corp.test")), kStart).front().server == 2);
}

TEST_CASE("RFC 4035 section 3.1.4.1: the DS of a zone is asked of the zone around it",
          "[upstream][server_pool]") {
  const ServerPool pool(
      {{{Name(), {server(1)}}, {name("corp.test"), {server(2)}}, {name("lab.corp.test"), {server(3)}}}});
  const auto zone = [&](std::string_view asked, uint16_t type) {
    return pool.zone_name(*pool.zone_of(name(asked), type)).to_text();
  };
  CHECK(zone("corp.test", rrtype::kDs) == ".");
  CHECK(zone("lab.corp.test", rrtype::kDs) == "corp.test");
  CHECK(zone("a.corp.test", rrtype::kDs) == "corp.test");
  CHECK(zone("corp.test", rrtype::kSoa) == "corp.test");
  CHECK(zone("test", rrtype::kDs) == ".");
  CHECK(zone(".", rrtype::kDs) == ".");
  // Nobody else is there to ask.
  const ServerPool alone({{{name("corp.test"), {server(1)}}}});
  CHECK(alone.zone_of(name("corp.test"), rrtype::kDs) == uint16_t{0});
  CHECK_FALSE(alone.zone_of(name("test"), rrtype::kDs));
}

TEST_CASE("a name that no zone holds has no server", "[upstream][server_pool]") {
  const ServerPool pool({{{name("corp.test"), {server(1)}}}});
  CHECK_FALSE(pool.zone_of(name("example")));
  CHECK(pool.zone_of(name("corp.test")));
}

TEST_CASE("servers are tried as configured", "[upstream][server_pool]") {
  ServerPool pool({{{Name(), {server(1), server(2, UpstreamServer::Scheme::kTls)}}}});
  const auto candidates = pool.candidates(0, kStart);
  REQUIRE(candidates.size() == 2);
  CHECK(candidates[0].server == 0);
  CHECK_FALSE(candidates[0].stream_only);
  CHECK(candidates[1].stream_only);
}

TEST_CASE("one lost packet is weather, three are an outage", "[upstream][server_pool]") {
  ServerPool pool(two_servers());
  pool.on_silent(0, kStart);
  pool.on_silent(0, kStart);
  CHECK(order(pool, kStart) == Order{0, 1});
  pool.on_answered(0, milliseconds{5}, kStart);
  pool.on_silent(0, kStart);
  pool.on_silent(0, kStart);
  CHECK(order(pool, kStart) == Order{0, 1});
  pool.on_silent(0, kStart);
  CHECK(order(pool, kStart) == Order{1, 0});
  CHECK(pool.health(0).is_down.value() == 1);
  CHECK(pool.health(0).timed_out.value() == 5);
}

TEST_CASE("a host that says nobody is there is down at once", "[upstream][server_pool]") {
  ServerPool pool(two_servers());
  pool.on_unreachable(0, kStart);
  CHECK(order(pool, kStart) == Order{1, 0});
}

TEST_CASE("a server that answers SERVFAIL is not down", "[upstream][server_pool]") {
  ServerPool pool(two_servers());
  for (int i = 0; i < 30; ++i) {
    pool.on_bad(0, false, kStart);
  }
  CHECK(order(pool, kStart) == Order{0, 1});
}

TEST_CASE("a server that refuses whatever it is asked is out of order", "[upstream][server_pool]") {
  ServerPool pool(two_servers());
  const auto refuse = [&](int times) {
    for (int i = 0; i < times; ++i) {
      pool.on_bad(0, true, kStart);
    }
  };
  refuse(9);
  CHECK(order(pool, kStart) == Order{0, 1});
  pool.on_bad(0, false, kStart);  // SERVFAIL: that name it would have served
  refuse(9);
  pool.on_answered(0, milliseconds{5}, kStart);
  refuse(9);
  CHECK(order(pool, kStart) == Order{0, 1});
  refuse(1);
  CHECK(order(pool, kStart) == Order{1, 0});
  CHECK(pool.health(0).is_down.value() == 1);
  const MonoTime later = kStart + milliseconds{1001};
  CHECK(order(pool, later) == Order{0, 1});  // on trial
  pool.on_bad(0, true, later);
  CHECK(order(pool, later + milliseconds{1999}) == Order{1, 0});
  CHECK(order(pool, later + seconds{2}) == Order{0, 1});
  pool.on_answered(0, milliseconds{5}, later + seconds{2});
  CHECK(pool.health(0).is_down.value() == 0);
}

TEST_CASE("after its pause one question, and no more, finds out whether a server is back",
          "[upstream][server_pool]") {
  ServerPool pool(two_servers());
  pool.on_unreachable(0, kStart);
  const MonoTime later = kStart + milliseconds{1001};
  CHECK(order(pool, later) == Order{0, 1});
  CHECK(order(pool, later) == Order{1, 0});  // the others do not wait for it
  SECTION("it is") {
    pool.on_answered(0, milliseconds{3}, later);
    CHECK(order(pool, later) == Order{0, 1});
    CHECK(pool.health(0).is_down.value() == 0);
  }
  SECTION("it is not: the pause doubles, up to half a minute") {
    MonoTime now = later;
    for (const int pause : {2, 4, 8, 16, 30, 30}) {
      CAPTURE(pause);
      pool.on_silent(0, now);
      CHECK(order(pool, now + seconds{pause} - milliseconds{1}) == Order{1, 0});
      now += seconds{pause};
      CHECK(order(pool, now) == Order{0, 1});
    }
  }
}

TEST_CASE("the only server is asked even when it is down", "[upstream][server_pool]") {
  ServerPool pool({{{Name(), {server(1)}}}});
  pool.on_unreachable(0, kStart);
  CHECK(order(pool, kStart) == Order{0});
}

TEST_CASE("patience follows the measured round trips, within bounds",
          "[upstream][server_pool]") {  // RFC 6298
  ServerPool pool({{{Name(), {server(1)}}}});
  const auto patience = [&] { return pool.candidates(0, kStart).front().patience; };
  CHECK(patience() == milliseconds{400});
  for (int i = 0; i < 50; ++i) {
    pool.on_answered(0, milliseconds{1}, kStart);
  }
  CHECK(patience() == milliseconds{250});
  for (int i = 0; i < 50; ++i) {
    pool.on_answered(0, milliseconds{600}, kStart);
  }
  CHECK(patience() > milliseconds{550});
  CHECK(patience() < milliseconds{1501});
  CHECK(pool.health(0).smoothed_us.value() > 500'000);
  for (int i = 0; i < 50; ++i) {
    pool.on_answered(0, milliseconds{i % 2 == 0 ? 1 : 4000}, kStart);
  }
  CHECK(patience() == milliseconds{1500});
}

}  // namespace cenote::server_pool_test
