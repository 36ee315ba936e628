// What an attacker who writes a feed may send, over the whole way of a feed: each ends soon, and what was in
// force stays or loses nothing.
#include <future>

#include <catch2/catch.hpp>

#include "ioc/updater.h"
#include "tests/support/gzip.h"
#include "tests/support/pushed_list.h"
#include "tests/support/temporary_folder.h"

namespace cenote::hostile_feeds_test {
namespace {

using test::gzip;

class Target {
 public:
  Target()
      : updater_(settings(), [this](std::shared_ptr<const Snapshot> snapshot) {
          const std::lock_guard lock(mutex_);
          snapshot_ = std::move(snapshot);
        }) {
    REQUIRE(updater_.load());
    updater_.start();
    REQUIRE(push("good.example\n", "plain").accepted);
  }
  ChangeResult push(const std::string& body, const std::string& format) {
    std::promise<ChangeResult> promise;
    updater_.push({"soc", test::pushed_list(updater_, body), format, "attacker", false},
                  [&](ChangeResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  bool lists(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::array<Hit, kUsualHits> hits;
    return snapshot_->find(*Name::from_text(name), hits) != 0;
  }
  Updater& updater() { return updater_; }

 private:
  IocSettings settings() {
    IocSettings ioc;
    FeedSettings feed;
    feed.name = "soc";
    ioc.feeds = {feed};
    ioc.protect = {"corp.example"};
    ioc.state_dir = folder_ / "state";
    return ioc;
  }
  TemporaryFolder folder_;
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  Updater updater_;
};

}  // namespace

TEST_CASE("a list that cannot be read changes nothing, and says so in one short line", "[ioc][hostile]") {
  struct Row {
    std::string what;
    std::string format;
    std::string body;
  };
  const std::string deep(10'000, '[');
  const std::vector<Row> rows{
      {"a gzip bomb", "plain", gzip(std::string(64 << 20, 'a'))},
      {"a truncated gzip", "plain", gzip("evil.example\n").substr(0, 20)},
      {"deep JSON", "json", deep},
      {"deep STIX", "stix", deep},
      {"deep MISP", "misp", R"({"Event":)" + deep},
      {"deep objects", "stix",
       [] {
         std::string nested;
         for (int i = 0; i < 10'000; ++i) {
           nested += R"({"a":)";
         }
         return nested;
       }()},
      {"a duplicate key", "json", R"({"deny":["a.example"],"deny":["b.example"]})"},
      {"truncated JSON", "stix",
       R"({"type":"bundle","objects":[{"type":"indicator","pattern":"[domain-name:val)"},
      {"a web page", "plain", "<!DOCTYPE html><html>evil.example</html>"},
      {"nothing", "plain", ""},
      {"nothing but zeros", "plain", std::string(1 << 20, '\0')},
      {"a gigabyte's worth of one line, in small", "plain", std::string(32 << 20, 'x')},
  };
  Target target;
  const uint64_t generation = target.updater().generation();
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const ChangeResult result = target.push(row.body, row.format);
    CAPTURE(result.error);
    CHECK_FALSE(result.accepted);
    CHECK(!result.error.empty());
    CHECK(result.error.size() < 500);
    CHECK(result.error.find('\n') == std::string::npos);
    CHECK(target.updater().generation() == generation);
    CHECK(target.lists("good.example"));
  }
}

TEST_CASE("hostile lines are left out one by one, and the rest of the list acts", "[ioc][hostile]") {
  Target target;
  const std::string lines =
      "good.example\ncom\n.\n*\n*.\nlocalhost\nco.uk\ncorp.example\nmail.corp.example\nexample..com\n"
      "\x1b[2Jevil.example\n\xe2\x80\xaereversed.example\n127.0.0.1\n0.0.0.0/0\n::/0\n/.*/\n" +
      std::string(1 << 20, 'y') + "\nlast.example\n";
  const ChangeResult result = target.push(lines, "plain");
  CAPTURE(result.error);
  REQUIRE(result.accepted);
  CHECK(result.added == 1);
  CHECK(result.unchanged == 1);
  CHECK(result.rejected == 16);
  CHECK(target.lists("last.example"));
  for (const char* name : {"com", "localhost", "co.uk", "corp.example", "evil.example"}) {
    CHECK_FALSE(target.lists(name));
  }
}

TEST_CASE("a zone reads no other files and makes no names", "[ioc][hostile]") {
  Target target;
  const ChangeResult result = target.push(
      "$INCLUDE ../../etc/passwd\n$GENERATE 1-4000000000 host-$ CNAME .\ngood.example CNAME .\n"
      "evil.example CNAME .\n",
      "rpz");
  REQUIRE(result.accepted);
  CHECK(result.rejected == 2);
  CHECK(result.first_rejects[0].reason == "include_refused");
  CHECK(result.first_rejects[1].reason == "generate_refused");
  CHECK(target.lists("evil.example"));
  CHECK_FALSE(target.lists("host-1"));
}

TEST_CASE("what a feed writes about an entry stays text", "[ioc][hostile]") {
  Target target;
  const ChangeResult result = target.push(
      R"({"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern_type":"stix",)"
      R"("name":"<script>alert(1)</script>\u001b]0;owned\u0007\u202e","description":"\u0000",)"
      R"("pattern":"[domain-name:value = 'evil.example']"},)"
      R"({"type":"indicator","id":"indicator--2","pattern_type":"stix",)"
      R"("pattern":"[domain-name:value = 'good.example']"}]})",
      "stix");
  CAPTURE(result.error);
  REQUIRE(result.accepted);
  CHECK(target.lists("evil.example"));
}

}  // namespace cenote::hostile_feeds_test
