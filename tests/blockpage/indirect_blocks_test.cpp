#include "blockpage/indirect_blocks.h"

#include <thread>

#include <catch2/catch.hpp>

#include "tests/support/fake_snapshot.h"

namespace cenote::indirect_blocks_test {
namespace {

const WallTime kNoon = WallTime(seconds{1'795'348'800});

Event hit(const std::string& client, const std::string& name, WallTime time = kNoon) {
  Event event;
  event.time = time;
  event.client = SocketAddress(*IpAddress::from_text(client), 4711);
  event.type = 1;
  event.name = *Name::from_text(name);
  event.verdict.action = Action::kSinkhole;
  event.verdict.match = MatchKind::kCname;
  event.verdict.matched = *Name::from_text("cdn.evil.test");
  return event;
}

}  // namespace

TEST_CASE("a hit is found by client and host while it explains a page", "[blockpage][indirect]") {
  IndirectBlocks blocks;
  const IpAddress client = *IpAddress::from_text("10.0.0.1");
  const Name shop = *Name::from_text("shop.test");
  blocks.note(hit("10.0.0.1", "shop.test"));
  CHECK(blocks.find(client, shop, kNoon + kHitExplains));
  CHECK_FALSE(blocks.find(client, shop, kNoon + kHitExplains + milliseconds{1}));
  CHECK_FALSE(blocks.find(client, *Name::from_text("other.test"), kNoon));
  CHECK_FALSE(blocks.find(*IpAddress::from_text("10.0.0.2"), shop, kNoon));
  CHECK(blocks.find(shop, kNoon + kHitExplains).size() == 1);
  CHECK(blocks.find(shop, kNoon + kHitExplains + milliseconds{1}).empty());
  blocks.note(hit("10.0.0.1", "shop.test", kNoon + seconds{60}));
  CHECK(blocks.size() == 1);
  CHECK(blocks.find(client, shop, kNoon)->time == kNoon + seconds{60});
}

TEST_CASE("one client's hits do not push out another's, and what goes is counted", "[blockpage][indirect]") {
  IndirectBlocks blocks;
  blocks.note(hit("10.0.0.1", "shop.test"));
  for (int i = 0; i < 5000; ++i) {
    blocks.note(hit("2001:db8::" + std::to_string(i % 3), "n" + std::to_string(i) + ".test"));
  }
  CHECK(blocks.size() == IndirectBlocks::kMostOfOne + 1);
  CHECK(blocks.dropped() == 5000 - IndirectBlocks::kMostOfOne);
  CHECK(blocks.find(*IpAddress::from_text("10.0.0.1"), *Name::from_text("shop.test"), kNoon));
  CHECK(blocks.find(*Name::from_text("n4999.test"), kNoon).size() == 1);
}

TEST_CASE("memory is bounded for all clients together", "[blockpage][indirect]") {
  IndirectBlocks blocks;
  for (int i = 0; i < 3000; ++i) {
    blocks.note(hit(fmt::format("10.0.{}.{}", i / 250, i % 250), "n" + std::to_string(i) + ".test",
                    kNoon + seconds{i}));
  }
  CHECK(blocks.size() == IndirectBlocks::kMost);
  CHECK(blocks.find(*Name::from_text("n2999.test"), kNoon + seconds{3000}).size() == 1);
  CHECK(blocks.dropped() == 0);  // none of them explained a page any more
}

TEST_CASE("a block that was lifted explains no page and gets no certificate", "[blockpage][indirect]") {
  using test::Listed;
  struct Row {
    const char* what;
    std::vector<Listed> listed;
    bool holds;
  };
  const auto row = GENERATE(values<Row>({
      {"as it was", {{"evil.test"}, {"192.0.2.0/24"}}, true},
      {"the entry has gone", {{"other.test"}}, false},
      {"the feed only monitors now",
       {{"evil.test", "feed", Action::kMonitor}, {"192.0.2.0/24", "feed", Action::kMonitor}},
       false},
      {"the host is excepted",
       {{"evil.test"}, {"192.0.2.0/24"}, {"shop.test", "exceptions", Action::kAllow}},
       false},
      {"what it leads to is excepted",
       {{"evil.test"},
        {"192.0.2.0/24"},
        {"cdn.evil.test", "exceptions", Action::kAllow},
        {"192.0.2.7", "exceptions", Action::kAllow}},
       false},
  }));
  CAPTURE(row.what);
  Policy policy{PolicySettings{}};
  policy.adopt(std::make_shared<test::FakeSnapshot>(row.listed, 2));
  Event event = hit("10.0.0.1", "shop.test");
  CHECK(is_still_blocked(policy, event, kNoon) == row.holds);
  event.verdict.match = MatchKind::kAddress;
  event.verdict.address = *IpAddress::from_text("192.0.2.7");
  CHECK(is_still_blocked(policy, event, kNoon) == row.holds);
}

TEST_CASE("hits may come from several threads", "[blockpage][indirect][threads]") {
  IndirectBlocks blocks;
  const auto work = [&](const std::string& client) {
    for (int i = 0; i < 2000; ++i) {
      blocks.note(hit(client, "n" + std::to_string(i) + ".test"));
      static_cast<void>(blocks.find(*Name::from_text("n1.test"), kNoon));
    }
  };
  std::thread other([&] { work("10.0.0.2"); });
  work("10.0.0.1");
  other.join();
  CHECK(blocks.size() == 2 * IndirectBlocks::kMostOfOne);
}

}  // namespace cenote::indirect_blocks_test
