#include "resolver/events/condenser.h"

#include <array>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resolver/events/event_json.h"
#include "resolver/events/history.h"

namespace cenote::condenser_test {
namespace {

constexpr WallTime kStart{std::chrono::hours{490'000}};

// Hits go in, events come out; time passes as the test says.
class Story {
 public:
  explicit Story(uint64_t rate = 0) : condenser(rate) {}

  Event hit(std::string_view name, std::string_view client = "10.0.0.7") const {
    Event event;
    event.time = kStart + std::chrono::duration_cast<milliseconds>(now - MonoTime());
    event.client = SocketAddress(*IpAddress::from_text(client), 5353);
    event.type = 1;
    event.name = Name::from_text(name).value();
    event.incident = IncidentId::make(1, event.client.address(), event.name, event.time);
    event.verdict.action = Action::kSinkhole;
    event.verdict.match = MatchKind::kQuestion;
    event.verdict.matched = event.name;
    event.verdict.feed = "intel";
    return event;
  }
  // Whether it was recorded at once.
  bool take(const Event& event) {
    alignas(PackedEvent::kAlignment) std::array<uint8_t, PackedEvent::kMostBytes> bytes;
    PackedEvent::pack(event, bytes.data());
    const bool taken = condenser.take(PackedEvent(bytes.data()), now);
    if (taken) {
      events.push_back(event);
    }
    return taken;
  }
  void pass(milliseconds time) {
    now += time;
    condenser.give(now, [this](const EventView& view) { events.emplace_back(view); });
  }
  void end() {
    condenser.give_all([this](const EventView& view) { events.emplace_back(view); });
  }
  // All that the events tell of.
  [[nodiscard]] uint64_t told() const {
    uint64_t total = 0;
    for (const Event& event : events) {
      total += event.count + event.omitted;
    }
    return total;
  }

  Condenser condenser;
  MonoTime now{std::chrono::hours{1}};
  std::vector<Event> events;
};

}  // namespace

TEST_CASE("the first hit is recorded at once, and those like it as one event with their number",
          "[events][condenser]") {
  Story story;
  CHECK(story.take(story.hit("a.test")));
  const WallTime second = story.hit("a.test").time + milliseconds{100};
  WallTime last{};
  for (int i = 0; i < 50; ++i) {
    story.pass(milliseconds{100});
    const Event event = story.hit("a.test");
    last = event.time;
    CHECK_FALSE(story.take(event));
  }
  CHECK(story.events.size() == 1);
  story.pass(Condenser::kCounts);
  REQUIRE(story.events.size() == 2);
  CHECK(story.events[0].count == 1);
  CHECK(story.events[1].count == 50);
  CHECK(story.events[1].first == second);
  CHECK(story.events[1].time == last);
  CHECK(story.events[1].incident == story.events[0].incident);
  CHECK(story.condenser.condensed() == 50);
  CHECK(story.condenser.omitted() == 0);
  const auto json = nlohmann::json::parse(to_json_line(story.events[1]));
  CHECK(json["count"] == 50);
  CHECK(json["first"] == to_rfc3339(second));
  CHECK_FALSE(json.contains("omitted"));
  CHECK_FALSE(nlohmann::json::parse(to_json_line(story.events[0])).contains("count"));
}

TEST_CASE("who goes on is counted on, and who comes back after a pause is seen at once",
          "[events][condenser]") {
  Story story;
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < 100; ++i) {
      story.take(story.hit("a.test"));
    }
    story.pass(seconds{1});
  }
  CHECK(story.events.size() <= 7);
  story.pass(Condenser::kCounts);
  story.pass(Condenser::kCounts);
  CHECK(story.told() == 6000);
  CHECK(story.take(story.hit("a.test")));
}

TEST_CASE("hits that differ in anything but time, port and generation are told apart",
          "[events][condenser]") {
  Story story;
  const Event base = story.hit("a.test");
  REQUIRE(story.take(base));
  Event same = base;
  same.client.set_port(7);
  same.verdict.generation = 9;
  CHECK_FALSE(story.take(same));
  std::vector<Event> others(8, base);
  others[0].client = SocketAddress(*IpAddress::from_text("10.0.0.8"), 1);
  others[1].name = *Name::from_text("b.test");
  others[2].type = 28;
  others[3].verdict.action = Action::kMonitor;
  others[4].verdict.feed = "other";
  others[5].transport = Transport::kHttps;
  others[6].client_name = "kiosk-7";
  others[7].verdict.matched = *Name::from_text("hop.test");
  for (const Event& other : others) {
    CHECK(story.take(other));
  }
}

TEST_CASE("one client has only so many events a second, and what goes over is counted",
          "[events][condenser]") {
  constexpr uint64_t kRate = 10;
  Story story(kRate);
  uint64_t sent = 0;
  for (int second = 0; second < 120; ++second) {
    for (int i = 0; i < 500; ++i) {
      story.take(story.hit("n" + std::to_string(sent++) + ".test"));
    }
    story.pass(seconds{1});
  }
  const size_t most = kRate * (120 + Condenser::kBurstSeconds) + 120 / 10 + 1;
  CHECK(story.events.size() <= most);
  CHECK(story.events.size() >= kRate * 120);
  story.end();
  CHECK(story.told() == sent);
  CHECK(story.condenser.omitted() == story.condenser.condensed());
  const auto json = nlohmann::json::parse(to_json_line(story.events.back()));
  CHECK(json["omitted"].get<uint64_t>() > 1000);
  CHECK(json.contains("first"));
}

TEST_CASE("while one client is over its rate others are recorded at once", "[events][condenser]") {
  Story story(10);
  for (int i = 0; i < 20'000; ++i) {
    story.take(story.hit("n" + std::to_string(i) + ".test"));
  }
  CHECK_FALSE(story.take(story.hit("one-more.test")));
  CHECK(story.take(story.hit("one-more.test", "10.0.0.8")));
  CHECK(story.take(story.hit("one-more.test", "2001:db8::1")));
  story.pass(seconds{1});
  CHECK(story.take(story.hit("later.test")));  // it has earned ten more
}

TEST_CASE("addresses of one IPv6 network share their rate", "[events][condenser]") {
  Story story(10);
  uint64_t at_once = 0;
  for (int i = 1; i <= 1000; ++i) {
    at_once += story.take(story.hit("a.test", "2001:db8::" + std::to_string(i))) ? 1U : 0U;
  }
  CHECK(at_once == 10 * Condenser::kBurstSeconds);
}

TEST_CASE("forged addresses without end share what room there is, and nothing is lost",
          "[events][condenser]") {
  Story story(1);
  uint64_t sent = 0;
  for (uint32_t i = 0; i < 2 * Condenser::kMostClients; ++i) {
    const auto byte = [&](int shift) { return static_cast<uint8_t>(i >> shift); };
    Event event = story.hit("a.test");
    event.client = SocketAddress(IpAddress::v4({11, byte(16), byte(8), byte(0)}), 1);
    story.take(event);
    ++sent;
  }
  CHECK(story.events.size() == Condenser::kMostClients + Condenser::kBurstSeconds);
  story.end();
  CHECK(story.told() == sent);
}

TEST_CASE("history that is full takes from the client that has most, oldest first", "[events][history]") {
  const Story story;
  History history(100);
  history.add(story.hit("quiet.test", "10.0.0.8"));
  for (int i = 0; i < 1000; ++i) {
    history.add(story.hit("n" + std::to_string(i) + ".test"));
  }
  history.add(story.hit("other.test", "10.0.0.9"));
  HitQuery all;
  all.limit = 1000;
  const auto kept = history.find(all);
  REQUIRE(kept.size() == 100);
  CHECK(kept.front().event.name.to_text() == "quiet.test");
  CHECK(kept[1].event.name.to_text() == "n902.test");
  CHECK(kept.back().number == 1002);
  CHECK(history.find_recent(*IpAddress::from_text("10.0.0.8"), *Name::from_text("quiet.test"), kStart));
}

TEST_CASE("history of as many clients as it has room gives up the oldest hit", "[events][history]") {
  const Story story;
  History history(50);
  for (int i = 0; i < 200; ++i) {
    history.add(story.hit("n" + std::to_string(i) + ".test", "10.0.1." + std::to_string(i)));
  }
  HitQuery all;
  all.limit = 1000;
  const auto kept = history.find(all);
  REQUIRE(kept.size() == 50);
  CHECK(kept.front().number == 151);
}

TEST_CASE("an incident's hits are all that its events count", "[events][history]") {
  const Story story;
  History history;
  Event event = story.hit("a.test");
  history.add(event);
  event.time += seconds{9};
  event.count = 40;
  event.first = event.time - seconds{8};
  history.add(event);
  const auto found = history.find_incident(event.incident);
  REQUIRE(found);
  CHECK(found->hits == 41);
  CHECK(found->first == event.time - seconds{9});
  CHECK(found->newest.event.count == 40);
}

}  // namespace cenote::condenser_test
