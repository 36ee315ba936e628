#include "resolver/net/fair_share.h"

#include <catch2/catch.hpp>

namespace cenote::fair_share_test {
namespace {

const IpAddress kFlood = *IpAddress::from_text("192.0.2.1");

IpAddress other(unsigned number) {
  return *IpAddress::from_text("198.51.100." + std::to_string(number));
}

bool admits(FairShare& share, const IpAddress& client) {
  return !share.is_on() || share.admits(client);
}

// A turn of 512 datagrams: every `each`-th from another client, the rest from one. Returns how many of each
// were served.
struct Served {
  unsigned flood = 0;
  unsigned others = 0;
  unsigned offered_by_others = 0;
};
Served turn(FairShare& share, unsigned each, bool is_behind) {
  Served served;
  for (unsigned i = 0; i < 512; ++i) {
    if (each != 0 && i % each == each - 1) {
      ++served.offered_by_others;
      served.others += admits(share, other(1 + i % 250)) ? 1U : 0U;
    } else {
      served.flood += admits(share, kFlood) ? 1U : 0U;
    }
  }
  share.end_turn(is_behind);
  return served;
}

}  // namespace

TEST_CASE("while the worker keeps up everybody is served", "[net][fair_share]") {
  FairShare share(1);
  for (int i = 0; i < 20; ++i) {
    const Served served = turn(share, 100, false);
    CHECK(served.flood + served.others == 512);
  }
}

TEST_CASE("a client that floods a busy worker is passed over, and the others are not", "[net][fair_share]") {
  FairShare share(1);
  for (int i = 0; i < 16; ++i) {
    CHECK(turn(share, 100, true).flood == 507);  // it may have been a pause
  }
  unsigned flood = 0;
  for (int i = 0; i < 80; ++i) {
    const Served served = turn(share, 100, true);
    CHECK(served.others == served.offered_by_others);
    flood += served.flood;
  }
  CHECK(flood < 80 * 512 / 5);
  CHECK(flood > 80 * 512 / 20);  // some of it is served
}

TEST_CASE("a client that is alone is served, however busy the worker is", "[net][fair_share]") {
  FairShare share(1);
  for (int i = 0; i < 40; ++i) {
    CHECK(turn(share, 0, true).flood == 512);
  }
}

TEST_CASE("a large forwarder beside machines keeps its four fifths", "[net][fair_share]") {
  FairShare share(1);
  for (int i = 0; i < 20; ++i) {
    turn(share, 5, true);
  }
  for (int i = 0; i < 40; ++i) {
    const Served served = turn(share, 5, true);
    CHECK(served.flood + served.others == 512);
  }
}

TEST_CASE("when the queue has run empty nothing is held against anybody", "[net][fair_share]") {
  FairShare share(1);
  for (int i = 0; i < 20; ++i) {
    turn(share, 100, true);
  }
  turn(share, 100, false);
  CHECK(turn(share, 100, false).flood == 507);
}

}  // namespace cenote::fair_share_test
