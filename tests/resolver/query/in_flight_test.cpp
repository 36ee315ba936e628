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

// A worker that writes down what it is told.
struct Worker final : Follower {
  struct Told {
    uint64_t cookie;
    bool has_answer;
  };
  void on_followed(uint64_t cookie, std::shared_ptr<const Resolution> resolution) override {
    told.push_back({cookie, resolution != nullptr});
  }
  std::vector<Told> told;
};

struct Waiting {
  SharedQuestions shared;
  Worker worker;
  InFlight in_flight{shared, worker};
};

// Two workers, as those of one server.
struct Two {
  SharedQuestions shared;
  Worker first_worker;
  Worker second_worker;
  InFlight first{shared, first_worker};
  InFlight second{shared, second_worker};
};

}  // namespace

TEST_CASE("who asks the same waits with the first", "[query][in_flight]") {  // RFC 5452 section 5
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
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
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
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

TEST_CASE("a question that another worker has asked is not asked again", "[query][in_flight][workers]") {
  Two two;
  const Asked asked("a.test", 1);
  const Asked again("A.test", 2);
  const auto one = two.first.join(asked.key, asked.query);
  const auto other = two.second.join(again.key, again.query);
  const auto third = two.second.join(asked.key, asked.query);
  REQUIRE((one && other && third));
  CHECK(one->is_first);
  CHECK_FALSE(other->is_first);
  CHECK(other->is_new);
  CHECK_FALSE(third->is_new);
  CHECK(third->cookie == other->cookie);
  CHECK_FALSE(two.second.start(asked.key, MonoTime{}));  // nor before its end

  const auto group = two.first.take(one->cookie);
  CHECK(group.waiters.size() == 1);
  REQUIRE(group.followers.size() == 1);
  CHECK(group.followers[0].worker == &two.second_worker);
  CHECK(group.followers[0].cookie == other->cookie);
  CHECK(two.second.take(other->cookie).waiters.size() == 2);
  CHECK(two.second.join(asked.key, asked.query)->is_first);
}

TEST_CASE("when a worker gives up a question, one of those who follow asks it",
          "[query][in_flight][workers]") {
  Two two;
  const Asked asked("a.test");
  const auto one = two.first.join(asked.key, asked.query);
  const auto other = two.second.join(asked.key, asked.query);
  const bool ends = GENERATE(true, false);
  if (ends) {
    two.first.resign();
  } else {
    two.first.drop(one->cookie);
  }
  REQUIRE(two.second_worker.told.size() == 1);
  CHECK_FALSE(two.second_worker.told[0].has_answer);
  CHECK(two.second_worker.told[0].cookie == other->cookie);

  SECTION("at once") {
    CHECK(two.second.claim_again(other->cookie));
    CHECK_FALSE(two.second.claim_again(other->cookie));
    CHECK_FALSE(two.first.join(asked.key, asked.query)->is_first);
    CHECK(two.second.take(other->cookie).followers.size() == 1);
  }
  SECTION("after somebody asked it the same anew: they wait together") {
    const auto anew = two.second.join(asked.key, asked.query);
    CHECK(anew->is_first);
    CHECK_FALSE(two.second.claim_again(other->cookie));
    CHECK(two.second.waiting() == 2);
    CHECK(two.second.take(anew->cookie).waiters.size() == 2);
    CHECK(two.second.waiting() == 0);
  }
  SECTION("after the first worker asked it anew: it follows again") {
    CHECK(two.first.join(asked.key, asked.query)->is_first);
    CHECK_FALSE(two.second.claim_again(other->cookie));
    CHECK(two.second.take(other->cookie).waiters.size() == 1);
  }
}

TEST_CASE("a worker that has gone is told nothing", "[query][in_flight][workers]") {
  SharedQuestions shared;
  Worker worker;
  InFlight first(shared, worker);
  const Asked asked("a.test");
  const auto one = first.join(asked.key, asked.query);
  {
    Worker gone;
    InFlight second(shared, gone);
    CHECK_FALSE(second.join(asked.key, asked.query)->is_first);
  }
  CHECK(first.take(one->cookie).followers.empty());
}

TEST_CASE("what clients and domains hold counts once, and not for each worker",
          "[query][in_flight][workers]") {
  Two two;
  const WaitingBounds bounds{.of_client = 3, .of_domain = 2};
  const Asked a("a.one.test");
  const Asked b("b.one.test");
  const Asked c("c.one.test");
  const Asked d("d.two.test");
  CHECK(two.first.join(a.key, a.query, bounds));
  CHECK(two.second.join(b.key, b.query, bounds));
  CHECK_FALSE(two.second.join(c.key, c.query, bounds));  // of the domain
  const auto third = two.first.join(d.key, d.query, bounds);
  REQUIRE(third);
  CHECK_FALSE(two.second.join(a.key, a.query, bounds));  // of the client
  two.first.take(third->cookie);
  CHECK(two.second.join(a.key, a.query, bounds));
}

TEST_CASE("who comes later is told that an answer is overdue, at any worker", "[query][in_flight][workers]") {
  Two two;
  const Asked asked("a.test");
  const auto one = two.first.join(asked.key, asked.query);
  CHECK_FALSE(two.second.is_overdue(asked.key));
  CHECK(two.first.release(one->cookie).size() == 1);
  CHECK(two.second.is_overdue(asked.key));
  two.first.take(one->cookie);
  CHECK_FALSE(two.second.is_overdue(asked.key));
}

TEST_CASE("questions that differ in DO, CD or zone do not share an answer", "[query][in_flight]") {
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
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
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
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
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
  size_t joined = 0;
  for (int i = 0; i < 21'000; ++i) {
    const Asked asked("n" + std::to_string(i) + ".test");
    joined += in_flight.join(asked.key, asked.query) ? 1U : 0U;
  }
  CHECK(joined == 20'000);
}

TEST_CASE("when all places are taken, whoever holds most makes room, and nobody who came just now",
          "[query][in_flight]") {
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
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
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
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

TEST_CASE("queries of a connection that has gone wait no more and count no more", "[query][in_flight]") {
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
  const WaitingBounds bounds{.of_client = 3};
  Asked here("a.test", 1);
  Asked there("a.test", 2);
  here.path.connection = {1, 1};
  there.path.connection = {2, 1};
  const auto joined = in_flight.join(here.key, here.query, bounds);
  REQUIRE(joined);
  REQUIRE(in_flight.join(here.key, here.query, bounds));
  REQUIRE(in_flight.join(there.key, there.query, bounds));
  CHECK_FALSE(in_flight.join(there.key, there.query, bounds));
  CHECK_FALSE(in_flight.leave(here.path, joined->cookie));  // the other one still waits
  CHECK(in_flight.waiting() == 1);
  CHECK_FALSE(in_flight.leave(here.path, joined->cookie));
  CHECK(in_flight.join(there.key, there.query, bounds));
  CHECK(in_flight.leave(there.path, joined->cookie));
  CHECK(in_flight.waiting() == 0);
  CHECK(in_flight.find(joined->cookie)->is_unattended);
  CHECK_FALSE(in_flight.leave(there.path, joined->cookie + 1));
  CHECK(in_flight.take(joined->cookie).waiters.empty());
}

TEST_CASE("questions for which nobody waits are counted until they are over", "[query][in_flight]") {
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
  std::vector<uint64_t> cookies;
  for (size_t i = 0; i < InFlight::kMostUnattended; ++i) {
    const Asked asked("n" + std::to_string(i) + ".test");
    cookies.push_back(in_flight.start(asked.key, MonoTime{}).value());
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
  Waiting waiting;
  InFlight& in_flight = waiting.in_flight;
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
