#include "resolver/events/event.h"

#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resolver/events/event_json.h"
#include "resolver/events/event_ring.h"
#include "resolver/events/history.h"

namespace cenote::event_test {
namespace {

Name name(std::string_view text) {
  return Name::from_text(text).value();
}
const IpAddress kClient = IpAddress::v4({10, 0, 0, 7});
constexpr WallTime kHour{std::chrono::hours{490'000}};

Event hit(std::string_view asked, WallTime time = kHour, std::string_view client = "10.0.0.7") {
  Event event;
  event.time = time;
  event.client = SocketAddress(*IpAddress::from_text(client), 5353);
  event.type = 1;
  event.name = name(asked);
  event.incident = IncidentId::make(1, event.client.address(), event.name, time);
  event.verdict.action = Action::kSinkhole;
  event.verdict.match = MatchKind::kQuestion;
  event.verdict.matched = event.name;
  event.verdict.depth = 1;
  return event;
}

}  // namespace

TEST_CASE("an incident is one client, one name, one hour", "[events][incident]") {
  const auto id = IncidentId::make(1, kClient, name("a.test"), kHour);
  CHECK(id == IncidentId::make(1, kClient, name("A.TEST"), kHour + std::chrono::minutes{59}));
  CHECK_FALSE(id == IncidentId::make(1, kClient, name("a.test"), kHour + std::chrono::minutes{60}));
  CHECK_FALSE(id == IncidentId::make(1, kClient, name("b.test"), kHour));
  CHECK_FALSE(id == IncidentId::make(1, IpAddress::v4({10, 0, 0, 8}), name("a.test"), kHour));
  CHECK_FALSE(id == IncidentId::make(2, kClient, name("a.test"), kHour));  // nobody outside can compute it
}

TEST_CASE("an incident's text comes back whatever people do to it", "[events][incident]") {
  for (uint64_t key = 0; key < 2000; ++key) {
    const auto id = IncidentId::make(key, kClient, name("a.test"), kHour);
    const std::string text(id.to_text().view());
    REQUIRE(text.size() == 11);
    REQUIRE(text[5] == '-');
    REQUIRE(text.find_first_of("ILOU") == std::string::npos);
    REQUIRE(IncidentId::from_text(text) == id);
    std::string spoken = " ";
    for (const char c : text) {
      spoken += c == '0' ? 'o' : c == '1' ? 'l' : c == '-' ? ' ' : static_cast<char>(std::tolower(c));
    }
    REQUIRE(IncidentId::from_text(spoken) == id);
  }
}

TEST_CASE("what is no incident is told apart", "[events][incident]") {
  const std::string text = GENERATE(as<std::string>(), "", "-", "7K4QW-9XM2", "7K4QW-9XM2DD", "7K4QW-9XM2U",
                                    "7K4QW_9XM2D", "7K4QW-9XM2\xc3\xa9", "<script>1");
  CAPTURE(text);
  CHECK_FALSE(IncidentId::from_text(text));
}

TEST_CASE("a full ring drops the event and counts it", "[events][ring]") {
  EventRing ring(2048);
  int pushed = 0;
  while (ring.push(hit("n" + std::to_string(pushed) + ".test"))) {
    ++pushed;
  }
  CHECK(pushed > 8);
  CHECK_FALSE(ring.push(hit("lost.test")));
  CHECK(ring.dropped() == 2);
  CHECK(ring.is_filling());
  std::vector<std::string> seen;
  const auto see = [&](std::span<const PackedEvent> events) {
    for (const PackedEvent event : events) {
      seen.push_back(Event(event.view()).name.to_text());
    }
  };
  CHECK(ring.drain(3, see) == 3);
  CHECK(seen == std::vector<std::string>{"n0.test", "n1.test", "n2.test"});
  CHECK(ring.push(hit("again.test")));
  while (ring.drain(SIZE_MAX, see) != 0) {
  }
  REQUIRE(seen.size() == static_cast<size_t>(pushed) + 1);
  CHECK(seen[seen.size() - 2] == "n" + std::to_string(pushed - 1) + ".test");
  CHECK(seen.back() == "again.test");
  CHECK(ring.drain(8, see) == 0);
  CHECK_FALSE(ring.is_filling());
}

TEST_CASE("a ring gives what it took wherever an event stands in it", "[events][ring]") {
  EventRing ring(2048);
  for (size_t i = 0; i < 500; ++i) {  // of all sizes, many times around
    Event event = hit("a.test");
    event.verdict.generation = i;
    event.verdict.threat = std::string(i % 127, 'x');
    REQUIRE(ring.push(event));
    REQUIRE(ring.drain(8, [&](std::span<const PackedEvent> events) {
      REQUIRE(events.size() == 1);
      CHECK(to_json_line(events.front().view()) == to_json_line(event));
    }) == 1);
  }
}

TEST_CASE("writer and reader share a ring without a lock and without a loss that is not counted",
          "[events][ring]") {
  EventRing ring(8192);
  constexpr uint64_t kEvents = 20'000;
  std::thread writer([&] {
    Event event = hit("a.test");
    for (uint64_t i = 1; i <= kEvents; ++i) {
      event.verdict.generation = i;
      ring.push(event);
    }
  });
  uint64_t taken = 0;
  uint64_t last = 0;
  bool in_order = true;
  const auto take = [&](std::span<const PackedEvent> events) {
    for (const PackedEvent event : events) {
      const uint64_t generation = event.view().verdict.generation;
      in_order = in_order && generation > last;
      last = generation;
      ++taken;
    }
  };
  while (taken + ring.dropped() < kEvents) {
    ring.drain(16, take);
  }
  writer.join();
  while (ring.drain(16, take) != 0) {
  }
  CHECK(in_order);
  CHECK(taken + ring.dropped() == kEvents);
}

TEST_CASE("history keeps the newest and numbers them", "[events][history]") {
  History history(3);
  for (int i = 1; i <= 5; ++i) {
    history.add(hit("n" + std::to_string(i) + ".test", kHour + seconds{i}));
  }
  const auto all = history.find({});
  REQUIRE(all.size() == 3);
  CHECK(all.front().number == 3);
  CHECK(all.back().number == 5);
  CHECK(history.last_number() == 5);
  HitQuery query;
  query.after = 4;
  CHECK(history.find(query).size() == 1);
  query.after = 0;
  query.limit = 2;
  CHECK(history.find(query).front().number == 4);  // the newest two, oldest first
  query.since = kHour + seconds{5};
  CHECK(history.find(query).size() == 1);
}

TEST_CASE("history keeps all of a hit, in the place of a longer or a shorter one", "[events][history]") {
  History history(2);
  for (size_t i = 0; i < 20; ++i) {
    Event event = hit("n" + std::to_string(i) + ".test");
    event.verdict.threat = std::string(i * 37 % 127, 'x');
    history.add(event);
    CHECK(to_json_line(history.find({}).back().event) == to_json_line(event));
  }
}

TEST_CASE("history finds by client, by name with everything below, and by incident", "[events][history]") {
  History history;
  history.add(hit("www.x.test", kHour, "10.0.0.1"));
  history.add(hit("x.test", kHour + seconds{1}, "10.0.0.2"));
  history.add(hit("www.x.test", kHour + seconds{2}, "10.0.0.1"));
  history.add(hit("badx.test", kHour + seconds{3}, "10.1.0.1"));
  HitQuery query;
  query.name = name("x.test");
  CHECK(history.find(query).size() == 3);
  query.client = Prefix::from_text("10.0.0.1");
  CHECK(history.find(query).size() == 2);
  const auto found = history.find_incident(
      IncidentId::make(1, *IpAddress::from_text("10.0.0.1"), name("www.x.test"), kHour));
  REQUIRE(found);
  CHECK(found->hits == 2);
  CHECK(found->newest.number == 3);
  CHECK(found->first == kHour);
  CHECK_FALSE(history.find_incident(IncidentId{}));
}

TEST_CASE("history finds by what clients are called, one or all of a kind", "[events][history]") {
  History history;
  for (const char* client_name :
       {"", "kiosk-7", "a.lab.example", "b.lab.example", "lab.example", "a.notlab.example"}) {
    Event event = hit("x.test");
    event.client_name = std::string_view(client_name);
    history.add(event);
  }
  const auto [asked, found] = GENERATE(table<std::string, size_t>(
      {{"", 6}, {"kiosk-7", 1}, {"kiosk", 0}, {"lab.example", 1}, {"*.lab.example", 2}, {"*.example", 4}}));
  CAPTURE(asked);
  HitQuery query;
  query.client_name = asked;
  CHECK(history.find(query).size() == found);
}

TEST_CASE("the page asks for a client's last DNS hit on a name", "[events][history]") {
  History history;
  history.add(hit("x.test"));
  Event page = hit("x.test", kHour + seconds{5});
  page.type = 0;
  history.add(page);
  const auto found = history.find_recent(kClient, name("x.test"), kHour);
  REQUIRE(found);
  CHECK(found->time == kHour);
  CHECK_FALSE(history.find_recent(kClient, name("x.test"), kHour + seconds{1}));
  CHECK_FALSE(history.find_recent(IpAddress::v4({10, 0, 0, 8}), name("x.test"), kHour));
  CHECK_FALSE(history.find_recent(kClient, name("y.test"), kHour));
}

TEST_CASE("an event is one line of JSON whatever its texts hold", "[events][json]") {
  Event event = hit("a.test");
  REQUIRE(event.name.prepend_label("\x1b[31m\n\"\xff"));
  event.verdict.matched = event.name;
  event.verdict.threat = std::string_view("\x1b]0;owned\x07 \xe2\x80\xae\xff\xfe \"\\\n", 21);
  event.verdict.feed = std::string_view("<script>");
  event.group = std::string_view("\xe5\x96\xb6\xe6\xa5\xad");
  const std::string line = to_json_line(event);
  for (const char c : line) {
    REQUIRE(c >= ' ');
    REQUIRE(c < 0x7F);
  }
  const auto json = nlohmann::json::parse(line);
  CHECK(json["name"] == event.name.to_text());
  CHECK(json["action"] == "sinkhole");
  CHECK(json["match"] == "qname");
  CHECK(json["indicator"] == "test");
  CHECK(json["type"] == "A");
  CHECK(json["client"] == "10.0.0.7");
  CHECK(json["group"] == "\xe5\x96\xb6\xe6\xa5\xad");
  CHECK(json["incident"] == event.incident.to_text().view());
}

TEST_CASE("an event says what its client is called, and nothing where it is not called anything",
          "[events][json]") {
  Event event = hit("a.test");
  CHECK_FALSE(nlohmann::json::parse(to_json_line(event)).contains("client_name"));
  event.client_name = std::string_view("taro@kiosks.example");
  CHECK(nlohmann::json::parse(to_json_line(event))["client_name"] == "taro@kiosks.example");
}

TEST_CASE("an address hit names the address", "[events][json]") {
  Event event = hit("a.test");
  event.verdict.match = MatchKind::kAddress;
  event.verdict.address = IpAddress::v4({203, 0, 113, 9});
  event.verdict.depth = 24;
  const auto json = nlohmann::json::parse(to_json_line(event));
  CHECK(json["match"] == "address");
  CHECK(json["matched"] == "203.0.113.9");
}

}  // namespace cenote::event_test
