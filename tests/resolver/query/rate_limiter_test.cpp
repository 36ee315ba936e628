#include "resolver/query/rate_limiter.h"

#include <catch2/catch.hpp>

namespace cenote::rate_limiter_test {
using Verdict = RateLimiter::Verdict;

namespace {

const IpAddress kClient = *IpAddress::from_text("192.0.2.1");
const MonoTime kStart{seconds{1000}};

struct Count {
  int answered = 0;
  int slipped = 0;
  int dropped = 0;
};

Count judge(RateLimiter& limiter, const IpAddress& client, int times, MonoTime now) {
  Count count;
  for (int i = 0; i < times; ++i) {
    const Verdict verdict = limiter.judge(client, now);
    ++(verdict == Verdict::kAnswer ? count.answered
       : verdict == Verdict::kSlip ? count.slipped
                                   : count.dropped);
  }
  return count;
}

}  // namespace

TEST_CASE("a client gets a burst of two seconds, then its rate, and of the rest every second one slips",
          "[query][limits]") {
  RateLimiter limiter({.rate = 100, .slip = 2});
  const Count burst = judge(limiter, kClient, 1000, kStart);
  CHECK(burst.answered == 200);
  CHECK(burst.slipped == 400);
  CHECK(burst.dropped == 400);
  CHECK(judge(limiter, kClient, 1000, kStart + seconds{1}).answered == 100);
  CHECK(judge(limiter, kClient, 1000, kStart + seconds{100}).answered == 200);
}

TEST_CASE("one client's flood costs no other anything", "[query][limits]") {
  RateLimiter limiter({.rate = 10});
  judge(limiter, kClient, 1000, kStart);
  CHECK(judge(limiter, *IpAddress::from_text("192.0.2.2"), 5, kStart).answered == 5);
}

TEST_CASE("an IPv6 client is its /64", "[query][limits]") {
  RateLimiter limiter({.rate = 10, .slip = 0});
  judge(limiter, *IpAddress::from_text("2001:db8::1"), 1000, kStart);
  CHECK(judge(limiter, *IpAddress::from_text("2001:db8::2"), 5, kStart).dropped == 5);
  CHECK(judge(limiter, *IpAddress::from_text("2001:db8:0:1::1"), 5, kStart).answered == 5);
}

TEST_CASE("a flood from a hundred thousand addresses takes no memory and lets a steady client through",
          "[query][limits]") {
  RateLimiter limiter({.rate = 10});
  for (uint32_t i = 0; i < 100'000; ++i) {
    const IpAddress forged = IpAddress::v4(
        {10, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)});
    limiter.judge(forged, kStart + milliseconds{i / 100});
  }
  CHECK(judge(limiter, kClient, 5, kStart + seconds{2}).answered == 5);
}

}  // namespace cenote::rate_limiter_test
