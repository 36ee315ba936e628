// What a guard keeps back, and what people say about it, over the whole way of a feed.
#include <future>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "ioc/updater.h"
#include "tests/support/pushed_list.h"
#include "tests/support/temporary_folder.h"

namespace cenote::updater_holds_test {
namespace {

FeedSettings push_feed(const std::string& name, Scope scope = Scope::kExact) {
  FeedSettings feed;
  feed.name = name;
  feed.format = "plain";
  feed.options["scope"] = std::string(to_text(scope));
  return feed;
}

class Server {
 public:
  explicit Server(const TemporaryFolder& folder, std::vector<FeedSettings> feeds = {push_feed("soc")},
                  GuardSettings guards = {})
      : folder_(folder),
        updater_(settings_for(folder, std::move(feeds), std::move(guards)),
                 [this](std::shared_ptr<const Snapshot> snapshot) {
                   const std::lock_guard lock(mutex_);
                   snapshot_ = std::move(snapshot);
                 }) {
    REQUIRE(updater_.load());
    updater_.start();
  }

  ChangeResult push(const std::string& body, bool dry_run = false) {
    return done([&](auto then) {
      updater_.push({"soc", test::pushed_list(updater_, body), "", "pusher", dry_run}, then);
    });
  }
  ChangeResult decide(HoldVerdict verdict) {
    verdict.feed = "soc";
    verdict.who = "boss";
    verdict.reason = "case 4711";
    return done([&](auto then) { updater_.decide_held(verdict, then); });
  }
  ChangeResult release(std::vector<std::string> names) {
    return decide({"", true, std::move(names), false, false, "", ""});
  }
  ChangeResult refuse(std::vector<std::string> names) {
    return decide({"", false, std::move(names), false, false, "", ""});
  }
  ChangeResult decide_change(bool releases) { return decide({"", releases, {}, false, true, "", ""}); }
  ChangeResult add(SingleIndicator indicator) {
    indicator.feed = "soc";
    indicator.reason = "case 1";
    return done([&](auto then) { updater_.add_indicator(indicator, then); });
  }
  ChangeResult patch(const std::string& add) {
    return done([&](auto then) { updater_.patch({"soc", {add}, {}, "pusher"}, then); });
  }
  ChangeResult promote(bool force) {
    return done([&](auto then) { updater_.promote("soc", force, "boss", then); });
  }
  ChangeResult reload(std::vector<FeedSettings> feeds, GuardSettings guards) {
    return done([&](auto then) {
      updater_.reload(settings_for(folder_, std::move(feeds), std::move(guards)), std::move(then));
    });
  }
  ChangeResult rollback(uint64_t generation) {
    return done([&](auto then) { updater_.rollback(generation, "boss", then); });
  }
  Action action(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::array<Hit, kUsualHits> hits;
    const size_t count = snapshot_->find(*Name::from_text(name), hits);
    return count == 0 ? Action::kPass : snapshot_->record(hits[0].record).action;
  }
  Updater& updater() { return updater_; }

 private:
  static IocSettings settings_for(const TemporaryFolder& folder, std::vector<FeedSettings> feeds,
                                  GuardSettings guards) {
    IocSettings settings;
    settings.feeds = std::move(feeds);
    settings.guards = std::move(guards);
    settings.state_dir = folder / "state";
    return settings;
  }
  template <typename Ask>
  static ChangeResult done(Ask ask) {
    std::promise<ChangeResult> promise;
    ask([&](ChangeResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }

  const TemporaryFolder& folder_;
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  Updater updater_;
};

std::string names(size_t count, const std::string& prefix = "n") {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += prefix + std::to_string(i) + ".example\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a held entry waits, the rest of the list acts, and the hold says why", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  const ChangeResult result = server.push("evil.example\nwww.google.com\n");
  CHECK(result.accepted);
  CHECK(result.added == 1);
  CHECK(result.held == 1);
  CHECK(server.action("evil.example") == Action::kSinkhole);
  CHECK(server.action("www.google.com") == Action::kPass);
  const Held held = server.updater().held();
  REQUIRE(held.entries.size() == 1);
  CHECK(held.entries[0].feed == "soc");
  CHECK(held.entries[0].row.text == "www.google.com");
  CHECK(held.entries[0].row.reason == "top_site");
  CHECK(held.entries[0].row.scope == "exact");
  CHECK(held.entries[0].row.line == 2);
  CHECK_FALSE(held.entries[0].row.why.empty());
}

TEST_CASE("a guard that rejects asks nobody, but a person's release stands", "[ioc][holds]") {
  const TemporaryFolder folder;
  {
    Server server(folder);
    REQUIRE(server.push("www.google.com\n").held == 1);
    REQUIRE(server.release({"www.google.com"}).accepted);
  }
  GuardSettings guards;
  guards.entries.top_site = GuardAction::kReject;
  FeedSettings feed = push_feed("soc");
  feed.guards.private_suffix = GuardAction::kReject;
  Server server(folder, {feed}, guards);
  const ChangeResult result = server.push("www.google.com\nwww.youtube.com\n*.github.io\nevil.example\n");
  CHECK(result.held == 0);
  CHECK(result.rejected == 2);
  CHECK(server.updater().held().entries.empty());
  CHECK(server.action("www.google.com") == Action::kSinkhole);
  CHECK(server.action("www.youtube.com") == Action::kPass);
  CHECK(server.action("any.github.io") == Action::kPass);
  CHECK(server.action("evil.example") == Action::kSinkhole);
}

TEST_CASE("what a guard rejects does not make the list a bad one", "[ioc][holds]") {
  const TemporaryFolder folder;
  GuardSettings guards;
  guards.entries.private_suffix = GuardAction::kReject;
  Server server(folder, {push_feed("soc", Scope::kSuffix)}, guards);
  REQUIRE(server.push(names(10)).accepted);
  std::string hosting;
  for (const char* suffix : {"github.io", "blogspot.com", "azurewebsites.net", "herokuapp.com"}) {
    hosting += std::string(suffix) + "\n";
  }
  std::string lines = names(10);
  for (int i = 0; i < 10; ++i) {
    lines += hosting;  // 40 lines: more than the 20 from which shares count
  }
  const ChangeResult result = server.push(lines);
  CHECK(result.accepted);
  CHECK(result.rejected == 40);
  CHECK(server.updater().held().changes.empty());
}

TEST_CASE("a single entry meets the guards as its feed has set them", "[ioc][holds]") {
  const TemporaryFolder folder;
  FeedSettings feed = push_feed("soc");
  feed.guards.wide_block = GuardAction::kOff;
  feed.guards.private_suffix = GuardAction::kReject;
  GuardSettings guards;
  guards.entries.private_suffix = GuardAction::kOff;
  Server server(folder, {feed}, guards);
  SingleIndicator single;
  single.name = "203.0.0.0/16";
  CHECK(server.add(single).accepted);
  single.name = "github.io";
  CHECK_FALSE(server.add(single).accepted);
  single.exact = true;
  CHECK(server.add(single).accepted);
}

TEST_CASE("switching a guard off lets what it held act, by a reload and at a start", "[ioc][holds]") {
  const TemporaryFolder folder;
  GuardSettings guards;
  guards.entries.top_site = GuardAction::kOff;
  guards.entries.private_suffix = GuardAction::kOff;
  {
    Server server(folder);
    REQUIRE(server.push("www.google.com\n*.github.io\n").held == 2);
    REQUIRE(server.reload({push_feed("soc")}, guards).accepted);
    CHECK(server.updater().held().entries.empty());
    CHECK(server.action("www.google.com") == Action::kSinkhole);
    FeedSettings feed = push_feed("soc");
    feed.guards.private_suffix = GuardAction::kHold;
    REQUIRE(server.reload({feed}, guards).accepted);
    CHECK(server.updater().held().entries.size() == 1);
    CHECK(server.action("any.github.io") == Action::kPass);
  }
  Server server(folder, {push_feed("soc")}, guards);
  CHECK(server.updater().held().entries.empty());
  CHECK(server.action("www.google.com") == Action::kSinkhole);
  CHECK(server.action("any.github.io") == Action::kSinkhole);
}

TEST_CASE("a released entry acts, over restarts and later lists, and only as it was released",
          "[ioc][holds]") {
  const TemporaryFolder folder;
  {
    Server server(folder);
    REQUIRE(server.push("evil.example\nwww.google.com\n").accepted);
    CHECK_FALSE(server.release({"nobody.example"}).accepted);
    const ChangeResult result = server.release({"WWW.google.com."});
    CHECK(result.accepted);
    CHECK(result.added == 1);
    CHECK(server.action("www.google.com") == Action::kSinkhole);
    CHECK(server.updater().held().entries.empty());
  }
  Server server(folder);
  CHECK(server.action("www.google.com") == Action::kSinkhole);
  CHECK(server.push("other.example\nwww.google.com\n").held == 0);
  CHECK(server.action("www.google.com") == Action::kSinkhole);
  // More than what was released is a new question.
  CHECK(server.push("other.example\n*.www.google.com\n").held == 1);
}

TEST_CASE("a refused entry is not asked about again", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  REQUIRE(server.push("evil.example\nwww.google.com\n").held == 1);
  REQUIRE(server.refuse({"www.google.com"}).accepted);
  CHECK(server.updater().held().entries.empty());
  const ChangeResult again = server.push("evil.example\nmore.example\nwww.google.com\n");
  CHECK(again.held == 0);
  CHECK(again.rejected == 1);
  CHECK(again.first_rejects[0].reason == "refused");
  CHECK(server.action("www.google.com") == Action::kPass);
}

TEST_CASE("all held entries of a feed are released at once", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder, {push_feed("soc", Scope::kSuffix)});
  REQUIRE(server.push("google.com\ngithub.io\nevil.example\n").held == 2);
  CHECK(server.decide({"", true, {}, true, false, "", ""}).added == 2);
  CHECK(server.action("any.github.io") == Action::kSinkhole);
}

TEST_CASE("a list that shrinks, grows or empties too much waits as a whole", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  REQUIRE(server.push(names(1000)).accepted);
  SECTION("shrinks") {
    const ChangeResult result = server.push(names(100));
    CHECK_FALSE(result.accepted);
    REQUIRE(result.held_change);
    CHECK(result.held_change->guard == "shrink");
    CHECK(server.action("n999.example") == Action::kSinkhole);
  }
  SECTION("grows") {
    const ChangeResult result = server.push(names(5000));
    REQUIRE(result.held_change);
    CHECK(result.held_change->guard == "growth");
    CHECK(server.action("n4999.example") == Action::kPass);
  }
  SECTION("empties") {
    const ChangeResult result = server.push("# nothing\n");
    REQUIRE(result.held_change);
    CHECK(result.held_change->guard == "empty");
  }
  REQUIRE(server.updater().held().changes.size() == 1);
  CHECK(server.updater().held().changes[0].who == "pusher");
  CHECK(server.updater().held().changes[0].entries_before == 1000);
}

TEST_CASE("daily changes of size pass, and each feed may have its own limits", "[ioc][holds]") {
  const TemporaryFolder folder;
  FeedSettings feed = push_feed("soc");
  SECTION("small ones") {
    Server server(folder, {feed});
    REQUIRE(server.push(names(30)).accepted);
    CHECK(server.push(names(15)).accepted);
    CHECK(server.push(names(900)).accepted);
    CHECK(server.push(names(700)).accepted);
  }
  SECTION("a volatile feed") {
    feed.max_shrink = 0;
    feed.max_growth = 1000;
    Server server(folder, {feed});
    REQUIRE(server.push(names(1000)).accepted);
    CHECK(server.push(names(10)).accepted);
    CHECK(server.push(names(5000)).held_change->guard == "growth");
  }
}

TEST_CASE("what is usual for a feed is learnt from its lists, and outlives a restart", "[ioc][holds]") {
  const TemporaryFolder folder;
  {
    Server server(folder);
    for (size_t i = 0; i <= 5; ++i) {
      REQUIRE(server.push(names(1000 + 10 * i)).accepted);  // grows by one percent each time
    }
    CHECK(server.updater().feeds()[0].limits == SizeLimits{25, 10, 2, 100'000, 6});
  }
  Server server(folder);
  CHECK(server.updater().feeds()[0].limits.learnt_from == 6);
  const ChangeResult fewer = server.push(names(850));  // a fifth less: nothing of note before it was known
  REQUIRE(fewer.held_change);
  CHECK(fewer.held_change->guard == "shrink");
  CHECK(fewer.held_change->why ==
        "shrinks from 1050 to 850 entries, by more than 10 %, learnt from its last 6 lists");
  const ChangeResult dirty = server.push(names(1050) + [] {
    std::string lines;
    for (int i = 0; i < 40; ++i) {
      lines += "not a name " + std::to_string(i) + "\n";
    }
    return lines;
  }());
  REQUIRE(dirty.held_change);
  CHECK(dirty.held_change->guard == "rejected");
  CHECK(server.push(names(1060)).accepted);
  CHECK(server.decide_change(true).error == "no change of soc is held");  // the good one came after it
}

TEST_CASE("a list that was rolled back teaches nothing", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  const uint64_t first = server.push(names(1000)).generation;
  REQUIRE(server.push(names(1900)).accepted);
  REQUIRE(server.updater().feeds()[0].entries == 1900);
  REQUIRE(server.rollback(first).accepted);
  for (size_t i = 1; i <= 5; ++i) {
    REQUIRE(server.push(names(1000 + 10 * i)).accepted);
  }
  CHECK(server.updater().feeds()[0].limits == SizeLimits{25, 10, 2, 100'000, 6});
}

TEST_CASE("a held change survives a restart and acts when it is released", "[ioc][holds]") {
  const TemporaryFolder folder;
  {
    Server server(folder);
    REQUIRE(server.push(names(1000)).accepted);
    REQUIRE(server.push(names(10)).held_change);
  }
  Server server(folder);
  REQUIRE(server.updater().held().changes.size() == 1);
  const ChangeResult result = server.decide_change(true);
  CHECK(result.accepted);
  CHECK(result.removed == 990);
  CHECK(server.action("n999.example") == Action::kPass);
  CHECK(server.updater().held().changes.empty());
  CHECK_FALSE(server.decide_change(true).accepted);
}

TEST_CASE("an emptied feed is empty once a person has said so", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  REQUIRE(server.push("evil.example\n").accepted);
  REQUIRE(server.push("").held_change);
  CHECK(server.decide_change(true).accepted);
  CHECK(server.action("evil.example") == Action::kPass);
}

TEST_CASE("a refused change is forgotten, and the very same list does not come back", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  REQUIRE(server.push(names(1000)).accepted);
  REQUIRE(server.push(names(10)).held_change);
  CHECK(server.decide_change(false).accepted);
  CHECK(server.updater().held().changes.empty());
  CHECK_FALSE(server.push(names(10)).accepted);
  CHECK(server.updater().held().changes.empty());
  CHECK(server.push(names(20)).held_change);
  CHECK(server.updater().held().changes.size() == 1);
}

TEST_CASE("a good list makes an older held one out of date", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  REQUIRE(server.push(names(1000)).accepted);
  REQUIRE(server.push(names(10)).held_change);
  REQUIRE(server.push(names(990)).accepted);
  CHECK(server.updater().held().changes.empty());
}

TEST_CASE("a dry run tells what would be held and holds nothing", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  REQUIRE(server.push(names(1000)).accepted);
  const ChangeResult result = server.push(names(10) + "google.com\n", true);
  CHECK(result.accepted);
  REQUIRE(result.held_change);
  CHECK(result.held_change->guard == "shrink");
  CHECK(result.held == 1);
  CHECK(server.updater().held().changes.empty());
  CHECK(server.updater().held().entries.empty());
}

TEST_CASE("what a guard would hold is added by hand only by force", "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder);
  SingleIndicator indicator;
  for (const char* name : {"github.io", "google.com", "co.uk"}) {
    indicator.name = name;
    const ChangeResult result = server.add(indicator);
    CAPTURE(name, result.error);
    CHECK_FALSE(result.accepted);
    CHECK(result.error.find(name) != std::string::npos);
  }
  indicator.name = "github.io";
  indicator.force = true;
  CHECK(server.add(indicator).accepted);
  CHECK(server.action("any.github.io") == Action::kSinkhole);
  indicator.name = "co.uk";
  CHECK_FALSE(server.add(indicator).accepted);  // no force makes that an indicator
  indicator.name = "evil.example";
  indicator.until = wall_now() - seconds{1};
  CHECK_FALSE(server.add(indicator).accepted);
}

TEST_CASE("a new feed with a trial only monitors until a person promotes it", "[ioc][holds]") {
  const TemporaryFolder folder;
  FeedSettings feed = push_feed("soc");
  feed.monitor_for = milliseconds(std::chrono::hours{24 * 7});
  {
    Server server(folder, {feed});
    CHECK_FALSE(server.promote(true).accepted);  // nothing has come yet
    REQUIRE(server.push("evil.example\n").accepted);
    CHECK(server.action("evil.example") == Action::kMonitor);
    CHECK(server.updater().feeds()[0].trial_end);
    CHECK_FALSE(server.promote(false).accepted);
    CHECK(server.promote(true).accepted);
    CHECK(server.action("evil.example") == Action::kSinkhole);
    CHECK_FALSE(server.updater().feeds()[0].trial_end);
  }
  Server server(folder, {feed});
  CHECK(server.action("evil.example") == Action::kSinkhole);
  CHECK_FALSE(server.promote(true).accepted);
}

TEST_CASE("a rollback undoes patches and single indicators one by one, and leaves other feeds alone",
          "[ioc][holds]") {
  const TemporaryFolder folder;
  Server server(folder, {push_feed("soc"), push_feed("other")});
  REQUIRE(server.push("base.example\n").accepted);
  const uint64_t first = server.patch("one.example").generation;
  const uint64_t second = server.patch("two.example").generation;
  SingleIndicator indicator;
  indicator.name = "three.example";
  indicator.exact = true;
  const uint64_t third = server.add(indicator).generation;
  const auto listed = [&] {
    std::string all;
    for (const char* name : {"base", "one", "two", "three"}) {
      all +=
          server.action(std::string(name) + ".example") == Action::kSinkhole ? std::string(name) + " " : "";
    }
    return all;
  };
  REQUIRE(listed() == "base one two three ");
  REQUIRE(server.rollback(second).accepted);
  CHECK(listed() == "base one two ");
  REQUIRE(server.rollback(first).accepted);
  CHECK(listed() == "base one ");
  REQUIRE(server.rollback(third).accepted);
  CHECK(listed() == "base one two three ");
}

TEST_CASE("every change is in the record, with who made it and why", "[ioc][holds]") {
  const TemporaryFolder folder;
  {
    Server server(folder);
    REQUIRE(server.push(names(1000) + "google.com\n").accepted);
    REQUIRE(server.push(names(10)).held_change);
    REQUIRE(server.release({"google.com"}).accepted);
    REQUIRE(server.decide_change(false).accepted);
  }
  Server server(folder);
  std::vector<std::string> told;
  for (const std::string& line : server.updater().audit(0, 100).lines) {
    const auto json = nlohmann::json::parse(line);
    told.push_back(json["who"].get<std::string>() + ": " + json["what"].get<std::string>() + ": " +
                   json["outcome"].get<std::string>());
  }
  REQUIRE(told.size() == 5);
  CHECK(told[1] == "pusher: push soc: done");
  CHECK(told[2] == "pusher: push soc: held");
  CHECK(told[3] == "boss: release google.com of soc: done");
  CHECK(told[4] == "boss: refuse held push soc: done");
  CHECK(nlohmann::json::parse(server.updater().audit(0, 100).lines[3])["why"] == "case 4711");
  CHECK(AuditLog::verify(folder / "state/audit.jsonl"));
}

}  // namespace cenote::updater_holds_test
