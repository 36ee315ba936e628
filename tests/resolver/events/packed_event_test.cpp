#include "resolver/events/packed_event.h"

#include <vector>

#include <catch2/catch.hpp>

namespace cenote::packed_event_test {
namespace {

// As long as a name can be: three labels of 63 bytes and one of 61.
Name longest_name(char first) {
  const std::string label(63, first);
  return Name::from_text(label + "." + label + "." + label + "." + std::string(61, first)).value();
}

// Each part other than any other and than what it is at first.
Event usual() {
  Event event;
  event.time = WallTime{milliseconds{1'800'000'000'123}};
  event.client = SocketAddress(IpAddress::v4({10, 0, 0, 7}), 40'001);
  event.client_name = std::string_view("kiosk-7");
  event.transport = Transport::kDot;
  event.type = 65;
  event.name = Name::from_text("www.a.test").value();
  event.incident = IncidentId::make(1, event.client.address(), event.name, event.time);
  event.verdict.action = Action::kNxdomain;
  event.verdict.match = MatchKind::kServiceHint;
  event.verdict.scope = Scope::kBelow;
  event.verdict.depth = 2;
  event.verdict.confidence = 80;
  event.verdict.keeps_children = true;
  event.verdict.generation = UINT64_MAX - 1;
  event.verdict.matched = Name::from_text("b.c.test").value();
  event.verdict.address = IpAddress::v4({203, 0, 113, 9});
  event.verdict.feed = std::string_view("feed");
  event.verdict.category = std::string_view("c2");
  event.verdict.threat = std::string_view("Threat \xe5\x96\xb6");
  event.verdict.reference = std::string_view("https://example.test/7");
  event.group = std::string_view("servers");
  return event;
}

void check_same(const Event& a, const Event& b) {
  CHECK(a.time == b.time);
  CHECK(a.client == b.client);
  CHECK(a.client_name.view() == b.client_name.view());
  CHECK(a.transport == b.transport);
  CHECK(a.type == b.type);
  CHECK(a.name == b.name);
  CHECK(a.incident == b.incident);
  CHECK(a.verdict.action == b.verdict.action);
  CHECK(a.verdict.match == b.verdict.match);
  CHECK(a.verdict.scope == b.verdict.scope);
  CHECK(a.verdict.depth == b.verdict.depth);
  CHECK(a.verdict.confidence == b.verdict.confidence);
  CHECK(a.verdict.keeps_children == b.verdict.keeps_children);
  CHECK(a.verdict.excepted == b.verdict.excepted);
  CHECK(a.verdict.generation == b.verdict.generation);
  CHECK(a.verdict.matched == b.verdict.matched);
  CHECK(a.verdict.address == b.verdict.address);
  CHECK(a.verdict.feed.view() == b.verdict.feed.view());
  CHECK(a.verdict.category.view() == b.verdict.category.view());
  CHECK(a.verdict.threat.view() == b.verdict.threat.view());
  CHECK(a.verdict.reference.view() == b.verdict.reference.view());
  CHECK(a.group.view() == b.group.view());
  CHECK(a.count == b.count);
  CHECK(a.omitted == b.omitted);
  CHECK(a.first == b.first);
}

// Through bytes that end where the event does, so that a step beyond is seen. Returns their number.
size_t check_comes_back(const Event& event) {
  std::vector<uint8_t> bytes(PackedEvent::kMostBytes);
  bytes.resize(PackedEvent::pack(event, bytes.data()));
  bytes.shrink_to_fit();
  const PackedEvent packed(bytes.data());
  REQUIRE(packed.bytes().size() == bytes.size());
  check_same(Event(packed.view()), event);
  return bytes.size();
}

}  // namespace

TEST_CASE("a packed event comes back whole", "[events][packed]") {
  const Event event = usual();
  CHECK(check_comes_back(event) < 200);

  SECTION("an exception's, of another name") {
    Event other = event;
    other.verdict.excepted = true;
    other.verdict.keeps_children = false;
    check_comes_back(other);
  }
  SECTION("the same name twice takes its bytes once") {
    Event same = event;
    same.verdict.matched = same.name;
    CHECK(check_comes_back(same) < check_comes_back(event));
  }
  SECTION("one that tells of others, too") {
    Event counted = event;
    counted.count = 4'000'000'000;
    counted.omitted = 3;
    counted.first = event.time - seconds{9};
    check_comes_back(counted);
    counted.count = 1;
    check_comes_back(counted);
  }
  SECTION("addresses of IPv6") {
    Event six = event;
    six.client = SocketAddress(*IpAddress::from_text("2001:db8::7"), 65'535);
    six.verdict.address = *IpAddress::from_text("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
    check_comes_back(six);
  }
}

TEST_CASE("a packed event comes back whole where nothing is set", "[events][packed]") {
  CHECK(check_comes_back(Event()) == PackedEvent::kLeastBytes);
}

TEST_CASE("a packed event comes back whole with the longest names and texts", "[events][packed]") {
  Event event = usual();
  event.name = longest_name('a');
  event.verdict.matched = longest_name('b');
  REQUIRE(event.name.size() == kMaxNameBytes);
  event.client = SocketAddress(*IpAddress::from_text("2001:db8::7"), 53);
  event.verdict.address = *IpAddress::from_text("2001:db8::9");
  const std::string longer(300, 'x');
  event.client_name = event.verdict.feed = event.verdict.category = event.verdict.threat = longer;
  event.verdict.reference = event.group = longer;
  event.count = 2;
  REQUIRE(event.verdict.threat.view().size() == 126);
  CHECK(check_comes_back(event) <= PackedEvent::kMostBytes);
}

TEST_CASE("a packed event keeps every kind of transport, action, match and scope", "[events][packed]") {
  for (const auto transport : {Transport::kUdp, Transport::kTcp, Transport::kDot, Transport::kDoh,
                               Transport::kHttp, Transport::kHttps}) {
    Event event = usual();
    event.transport = transport;
    check_comes_back(event);
  }
  for (const auto action : {Action::kPass, Action::kMonitor, Action::kNodata, Action::kNxdomain,
                            Action::kSinkhole, Action::kRefuse, Action::kDrop, Action::kAllow}) {
    Event event = usual();
    event.verdict.action = action;
    check_comes_back(event);
  }
  for (const auto match : {MatchKind::kNone, MatchKind::kQuestion, MatchKind::kCname, MatchKind::kAddress,
                           MatchKind::kServiceTarget, MatchKind::kServiceHint}) {
    Event event = usual();
    event.verdict.match = match;
    if (!event.verdict.is_about_address()) {  // else it has none
      event.verdict.address = IpAddress();
    }
    check_comes_back(event);
  }
  for (const auto scope : {Scope::kExact, Scope::kSuffix, Scope::kBelow}) {
    Event event = usual();
    event.verdict.scope = scope;
    check_comes_back(event);
  }
}

TEST_CASE("a packed event keeps a name of any bytes", "[events][packed]") {
  Event event = usual();
  std::string label;
  for (int byte = 0; byte < 63; ++byte) {
    label.push_back(static_cast<char>(byte * 4));
  }
  REQUIRE(event.name.prepend_label(label));
  event.verdict.matched = Name();  // the root
  check_comes_back(event);
}

}  // namespace cenote::packed_event_test
