#include "resolver/net/tls_tickets.h"

#include <catch2/catch.hpp>

namespace cenote::tls_tickets_test {

TEST_CASE("a ticket key seals for an hour, opens for two more, and is then forgotten", "[net][tls]") {
  TicketKeys keys;
  const MonoTime start{seconds{1000}};
  const auto first = keys.to_seal(start);
  CHECK(keys.to_seal(start + seconds{3599}).name == first.name);
  const auto second = keys.to_seal(start + seconds{3600});
  CHECK(second.name != first.name);
  CHECK(second.cipher != first.cipher);
  const auto opened = keys.to_open(first.name, start + seconds{3 * 3600 - 1});
  REQUIRE(opened);
  CHECK(opened->cipher == first.cipher);
  CHECK_FALSE(keys.to_open(first.name, start + seconds{3 * 3600}));
  CHECK(keys.to_open(second.name, start + seconds{3 * 3600}));
}

TEST_CASE("a key name that was never ours opens nothing", "[net][tls]") {
  TicketKeys keys;
  keys.to_seal(MonoTime{});
  const std::array<uint8_t, 16> other{};
  CHECK_FALSE(keys.to_open(other, MonoTime{}));
}

}  // namespace cenote::tls_tickets_test
