#include "resolver/net/client_places.h"

#include <catch2/catch.hpp>

namespace cenote::client_places_test {
namespace {

constexpr MonoTime kStart{std::chrono::hours{1}};

IpAddress address(std::string_view text) {
  return IpAddress::from_text(text).value();
}

}  // namespace

TEST_CASE("a client holds only so many places, whatever address of its own it comes from",
          "[net][client_places]") {
  ClientPlaces places({2, 100});
  CHECK(places.take(address("10.0.0.1"), false, kStart));
  CHECK(places.take(address("10.0.0.1"), false, kStart));
  CHECK_FALSE(places.take(address("10.0.0.1"), false, kStart));
  CHECK(places.take(address("10.0.0.2"), false, kStart));
  CHECK(places.take(address("2001:db8::1"), false, kStart));
  CHECK(places.take(address("2001:db8::2:0:0:1"), false, kStart));
  CHECK_FALSE(places.take(address("2001:db8::3"), false, kStart));
  CHECK(places.take(address("2001:db8:0:1::1"), false, kStart));
  places.leave(address("10.0.0.1"));
  CHECK(places.take(address("10.0.0.1"), false, kStart));
}

TEST_CASE("handshakes come as fast as they may, and two seconds' worth at once", "[net][client_places]") {
  ClientPlaces places({1000, 10});
  const IpAddress client = address("10.0.0.1");
  const auto taken = [&](MonoTime now, bool with_tls) {
    int count = 0;
    while (count < 100 && places.take(client, with_tls, now)) {
      places.leave(client);
      ++count;
    }
    return count;
  };
  CHECK(taken(kStart, true) == 20);
  CHECK(taken(kStart, false) == 100);
  CHECK(taken(kStart + milliseconds{500}, true) == 5);
  CHECK(taken(kStart + seconds{10}, true) == 20);
}

TEST_CASE("who holds nothing is forgotten, but not before its handshakes are", "[net][client_places]") {
  ClientPlaces places({1, 1});
  const IpAddress client = address("10.0.0.1");
  REQUIRE(places.take(client, true, kStart));
  CHECK_FALSE(places.take(client, true, kStart + seconds{60}));
  places.leave(client);
  const IpAddress other = address("10.0.0.2");
  REQUIRE(places.take(other, false, kStart + seconds{61}));
  CHECK(places.size() == 2);
  places.leave(other);
  REQUIRE(places.take(other, false, kStart + seconds{63}));
  CHECK(places.size() == 1);
}

}  // namespace cenote::client_places_test
