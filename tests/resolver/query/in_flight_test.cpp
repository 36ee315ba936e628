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

TEST_CASE("when all places are taken, whoever holds most makes room, and nobody who came just now",
          "[query][in_flight]") {
  InFlight in_flight;
  const MonoTime start{seconds{100}};
  const auto join = [&](const std::string& name, const char* client, MonoTime now) {
    Asked asked(name + ".test");
    asked.path.peer.client = SocketAddress(*IpAddress::from_text(client), 53);
    asked.query.looked_up = now;
    return in_flight.join(asked.key, asked.query);
  };
  for (int i = 0; i < 10; ++i) {
    REQUIRE(join("few" + std::to_string(i), "10.0.0.1", start));
  }
  int many = 0;
  while (join("many" + std::to_string(many), "10.0.0.2", start)) {
    ++many;
  }
  REQUIRE(in_flight.waiting() == 20'000);
  CHECK_FALSE(join("new", "10.0.0.3", start + milliseconds{150}));
  CHECK_FALSE(in_flight.has_displaced());
  const MonoTime later = start + milliseconds{300};
  CHECK_FALSE(join("more", "10.0.0.2", later - milliseconds{150}));
  CHECK(join("new", "10.0.0.3", later));
  CHECK(join("few10", "10.0.0.1", later));
  CHECK(in_flight.waiting() == 20'000);
  const auto displaced = in_flight.take_displaced();
  REQUIRE(displaced.size() == 2);
  for (const auto& group : displaced) {
    REQUIRE(group.waiters.size() == 1);
    CHECK(group.waiters[0].path.client().address() == *IpAddress::from_text("10.0.0.2"));
  }
  CHECK_FALSE(in_flight.has_displaced());
}

TEST_CASE("those behind an exempt client keep their places against one that holds many",
          "[query][in_flight]") {
  InFlight in_flight;
  const MonoTime start{seconds{100}};
  const auto join = [&](const std::string& name, const char* client, MonoTime now, bool is_exempt = false) {
    Asked asked(name + ".test");
    asked.path.peer.client = SocketAddress(*IpAddress::from_text(client), 53);
    asked.query.looked_up = now;
    return in_flight.join(asked.key, asked.query, {.is_exempt = is_exempt});
  };
  for (int i = 0; i < 20'000; ++i) {
    const bool floods = i % 20 == 0;
    REQUIRE(join("n" + std::to_string(i), floods ? "10.0.0.2" : "10.0.0.1", start, !floods));
  }
  const MonoTime later = start + seconds{1};
  for (int i = 0; i < 10; ++i) {
    REQUIRE(join("new" + std::to_string(i), "10.0.0.3", later));
  }
  CHECK(join("one more", "10.0.0.1", later, true));  // of the people
  CHECK(join("another", "10.0.0.2", later));         // in the place of one of its own
  const auto displaced = in_flight.take_displaced();
  REQUIRE(displaced.size() == 12);
  for (const auto& group : displaced) {
    CHECK(group.waiters.at(0).path.client().address() == *IpAddress::from_text("10.0.0.2"));
  }
}

TEST_CASE("questions for which nobody waits are counted until they are over", "[query][in_flight]") {
  InFlight in_flight;
  std::vector<uint64_t> cookies;
  for (size_t i = 0; i < InFlight::kMostUnattended; ++i) {
    const Asked asked("n" + std::to_string(i) + ".test");
    cookies.push_back(in_flight.start(asked.key).value());
  }
  CHECK_FALSE(in_flight.has_too_many_unattended());
  const Asked waits("waits.test");
  const auto joined = in_flight.join(waits.key, waits.query);
  CHECK_FALSE(in_flight.has_too_many_unattended());
  CHECK(in_flight.release(joined->cookie).size() == 1);
  CHECK(in_flight.has_too_many_unattended());
  in_flight.take(cookies[0]);
  CHECK_FALSE(in_flight.has_too_many_unattended());
  in_flight.take(joined->cookie);
  for (const uint64_t cookie : cookies) {
    in_flight.take(cookie);
  }
  CHECK_FALSE(in_flight.has_too_many_unattended());
}

TEST_CASE("no client takes the place of one that holds fewer", "[query][in_flight]") {
  InFlight in_flight;
  const MonoTime start{seconds{100}};
  const auto join = [&](int name, int client, MonoTime now) {
    Asked asked("n" + std::to_string(name) + ".test");
    asked.path.peer.client = SocketAddress(
        IpAddress::v4({10, 1, static_cast<uint8_t>(client / 256), static_cast<uint8_t>(client)}), 53);
    asked.query.looked_up = now;
    return in_flight.join(asked.key, asked.query);
  };
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(join(i, i / 2 % 10'000, start));  // two each
  }
  const MonoTime later = start + seconds{1};
  CHECK(join(30'000, 20'000, later));
  CHECK(join(30'001, 20'000, later));
  CHECK(join(30'002, 20'000, later));  // it holds two, as those do
  CHECK_FALSE(join(30'003, 20'000, later));
  CHECK(in_flight.waiting() == 20'000);
}

}  // namespace cenote::in_flight_test
