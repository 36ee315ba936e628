#include "resolver/query/in_flight.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"

namespace cenote::in_flight_test {
namespace {

struct Asked {
  test::Wire packet;
  ReplyPath path;
  Query query;
  CacheKey key;

  explicit Asked(std::string_view name, uint16_t id = 1)
      : packet(test::query(name, rrtype::kA, {.id = id})), query(path, packet, packet) {
    parse_query(packet, query.message);
    key.name = query.message.name;
    key.type = query.message.type;
  }
};

}  // namespace

TEST_CASE("who asks the same waits with the first", "[query][in_flight]") {  // RFC 5452 section 5
  InFlight in_flight;
  const Asked first("a.test", 1);
  const Asked second("A.Test", 2);
  const Asked other("b.test", 3);
  const auto one = in_flight.join(first.key, first.query);
  const auto two = in_flight.join(second.key, second.query);
  const auto three = in_flight.join(other.key, other.query);
  REQUIRE(one);
  REQUIRE(two);
  REQUIRE(three);
  CHECK(one->is_first);
  CHECK_FALSE(two->is_first);
  CHECK(three->is_first);
  CHECK(one->cookie == two->cookie);
  CHECK(in_flight.waiting() == 3);

  const auto group = in_flight.take(one->cookie);
  REQUIRE(group.waiters.size() == 2);
  CHECK(group.waiters[0].message.id == 1);
  CHECK(as_text(Bytes(group.waiters[1].packet).subspan(13, 1)) == "A");  // its own letter case
  CHECK(in_flight.waiting() == 1);
  CHECK(in_flight.take(one->cookie).waiters.empty());
  CHECK(in_flight.join(first.key, first.query)->is_first);
}

TEST_CASE("the next question takes the memory of waiters who have gone, and nothing else of them",
          "[query][in_flight]") {
  InFlight in_flight;
  const Asked first("a.test", 1);
  auto gone = in_flight.take(in_flight.join(first.key, first.query)->cookie).waiters;
  const WaitingQuery* const memory = gone.data();
  in_flight.recycle(std::move(gone));
  const Asked second("b.test", 2);
  const auto joined = in_flight.join(second.key, second.query);
  CHECK(joined->is_first);
  const auto waiters = in_flight.take(joined->cookie).waiters;
  REQUIRE(waiters.size() == 1);
  CHECK(waiters.data() == memory);
  CHECK(waiters[0].message.id == 2);
}

TEST_CASE("what replaced upstreams were asked is answered, and joined by nobody", "[query][in_flight]") {
  InFlight in_flight;
  const Asked asked("a.test");
  const auto before = in_flight.join(asked.key, asked.query);
  in_flight.outdate([](uint16_t) { return true; });
  CHECK(in_flight.find(asked.key) == nullptr);
  const auto after = in_flight.join(asked.key, asked.query);
  CHECK(after->is_first);
  CHECK_FALSE(in_flight.find(after->cookie)->is_outdated);
  const auto group = in_flight.take(before->cookie);
  CHECK(group.is_outdated);
  CHECK(group.is_guarded);
  CHECK(group.waiters.size() == 1);
  CHECK(in_flight.find(asked.key) != nullptr);
  CHECK(in_flight.take(after->cookie).waiters.size() == 1);
  CHECK(in_flight.waiting() == 0);
}

TEST_CASE("questions that differ in DO, CD or zone do not share an answer", "[query][in_flight]") {
  InFlight in_flight;
  const Asked asked("a.test");
  CacheKey key = asked.key;
  CHECK(in_flight.join(key, asked.query)->is_first);
  key.dnssec_ok = true;
  CHECK(in_flight.join(key, asked.query)->is_first);
  key.checking_disabled = true;
  CHECK(in_flight.join(key, asked.query)->is_first);
  key.partition = 1;
  CHECK(in_flight.join(key, asked.query)->is_first);
}

TEST_CASE("a crowd at one question is turned away, others are not", "[query][in_flight]") {
  InFlight in_flight;
  const Asked asked("a.test");
  const Asked other("b.test");
  size_t joined = 0;
  while (in_flight.join(asked.key, asked.query)) {
    REQUIRE(++joined <= 100'000);
  }
  CHECK(joined == 1000);
  CHECK(in_flight.join(other.key, other.query));
}

TEST_CASE("all together are bounded", "[query][in_flight]") {
  InFlight in_flight;
  size_t joined = 0;
  for (int i = 0; i < 21'000; ++i) {
    const Asked asked("n" + std::to_string(i) + ".test");
    joined += in_flight.join(asked.key, asked.query) ? 1U : 0U;
  }
  CHECK(joined == 20'000);
}

}  // namespace cenote::in_flight_test
