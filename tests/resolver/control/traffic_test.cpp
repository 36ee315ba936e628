#include "resolver/control/traffic.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_snapshot.h"

namespace cenote::traffic_test {
namespace {

Policy policy_with(const std::vector<std::string>& names) {
  std::vector<test::Listed> listed;
  for (const std::string& name : names) {
    listed.emplace_back();
    listed.back().what = name;
  }
  Policy policy{PolicySettings{}};
  policy.adopt(std::make_shared<test::FakeSnapshot>(std::move(listed)));
  return policy;
}

NumberedEvent hit(const std::string& name, const std::string& client) {
  NumberedEvent event;
  event.event.name = *Name::from_text(name);
  event.event.client = SocketAddress(*IpAddress::from_text(client), 4711);
  return event;
}

}  // namespace

TEST_CASE("a preview names what people asked for and would get otherwise", "[control][traffic]") {
  RecentNames recent(64);
  for (uint8_t i = 0; i < 3; ++i) {
    recent.note(*Name::from_text("www.new.example"), IpAddress::v4({10, 0, 0, i}), 1);
  }
  recent.note(*Name::from_text("same.example"), IpAddress::v4({10, 0, 0, 1}), 1);
  Traffic traffic;
  traffic.add(recent.all());
  traffic.add(
      {hit("old.example", "10.0.0.1"), hit("old.example", "10.0.0.1"), hit("old.example", "10.0.0.2")});

  const auto changes =
      traffic.compare(policy_with({"old.example"}), policy_with({"new.example"}), wall_now());
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].name == "www.new.example");
  CHECK(changes[0].before == Action::kPass);
  CHECK(changes[0].after == Action::kSinkhole);
  CHECK(changes[0].clients == 3);
  CHECK(changes[1].name == "old.example");
  CHECK(changes[1].after == Action::kPass);
  CHECK(changes[1].clients == 2);
}

TEST_CASE("a change that nobody would notice names nothing", "[control][traffic]") {
  Traffic traffic;
  traffic.add({hit("old.example", "10.0.0.1")});
  CHECK(traffic.compare(policy_with({}), policy_with({"new.example"}), wall_now()).empty());
}

}  // namespace cenote::traffic_test
