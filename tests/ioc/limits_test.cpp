// What one feed, or who pushes to it, can take of the disk and of everybody's time.
#include <future>

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "ioc/store.h"
#include "tests/ioc/recovery_story.h"
#include "tests/support/log_watch.h"
#include "tests/support/shifted_clock.h"

namespace cenote::limits_test {
namespace {

using Catch::Contains;
using test::DamageStory;
using Started = test::RecoveredServer;

// A folder with so many single indicators of the first feed, and exceptions.
void put_singles(const std::string& state, size_t count, std::optional<WallTime> until) {
  auto store = Store::open(state);
  REQUIRE(store);
  StoredGeneration next;
  next.number = 1;
  for (size_t i = 0; i < count; ++i) {
    SingleIndicator single;
    single.feed = "c2";
    single.name = "n" + std::to_string(i) + ".example.org";
    single.until = until;
    next.singles.push_back(single);
    next.exceptions.push_back({{single.name, true, "contract", single.until, {}}, "me", {}});
    next.exceptions.resize(std::min<size_t>(next.exceptions.size(), 2000));
  }
  REQUIRE((*store)->commit(next));
}

}  // namespace

TEST_CASE("single indicators and exceptions are bounded, for a start reads them all", "[ioc][limits]") {
  const TemporaryFolder folder;
  const std::string state = folder / "state";
  SECTION("those that act") {
    put_singles(state, 5000, {});
    Started server(DamageStory::settings(state));
    const ChangeResult one_more = server.add("c2", "x.example.org");
    CHECK_FALSE(one_more.accepted);
    CHECK_THAT(one_more.error, Contains("put them into a list"));
    CHECK(server.add("soc", "x.example.org").accepted);  // another feed has room
    CHECK_FALSE(server.allow("y.example.org").accepted);
    // What takes the place of one that is there needs no room.
    const SingleIndicator single = server.updater().indicators().front();
    REQUIRE(single.feed == "c2");
    CHECK(server.add("c2", single.name).accepted);
    std::promise<ChangeResult> allowed;
    server.updater().add_exception(server.updater().exceptions().front().exception, "t",
                                   [&](ChangeResult result) { allowed.set_value(std::move(result)); });
    CHECK(allowed.get_future().get().accepted);
    CHECK(server.updater().indicators().size() == 5001);
  }
  SECTION("those that have ended do not count, and go") {
    put_singles(state, 5500, WallTime(seconds(1)));
    Started server(DamageStory::settings(state));
    CHECK(server.add("c2", "x.example.org").accepted);
    CHECK(server.allow("y.example.org").accepted);
    CHECK(server.push("c2", "z.example.org\n").accepted);
    CHECK(server.updater().indicators().size() == 1);
    CHECK(server.updater().exceptions().size() == 1);
  }
  SECTION("those that have ended go with a small change, too, when there are very many") {
    put_singles(state, 20'001, wall_now() + std::chrono::hours(1));
    Started server(DamageStory::settings(state));
    test::pass_time(std::chrono::hours(2));
    REQUIRE(server.updater().indicators().size() == 20'001);
    CHECK(server.add("c2", "x.example.org").accepted);
    CHECK(server.updater().indicators().size() == 1);
  }
}

TEST_CASE("what is added to a feed and says the same as its list is folded", "[ioc][limits]") {
  const TemporaryFolder folder;
  IocSettings settings = DamageStory::settings(folder / "state");
  settings.fold_entries = 2;
  const test::LogWatch log;
  Started server(settings);
  REQUIRE(server.push("c2", "a.example.org\n").accepted);
  REQUIRE(server.patch("c2", {"p.example.org", "q.example.org", "r.example.org"}, {}).accepted);
  const std::string folded = folder / "state/snapshot-3";
  for (int i = 0; i < 2000 && !std::filesystem::exists(folded); ++i) {
    ::usleep(10'000);
  }
  CHECK(std::filesystem::exists(folded));
  CHECK(log.errors().empty());
}

TEST_CASE("patches of one feed are bounded until its whole list comes", "[ioc][limits]") {
  const TemporaryFolder folder;
  Started server(DamageStory::settings(folder / "state"));
  const std::vector<std::string> rubbish(20, std::string(1 << 20, 'x'));
  CHECK(server.patch("c2", rubbish, {}).accepted);
  const ChangeResult second = server.patch("c2", rubbish, {});
  CHECK_FALSE(second.accepted);
  CHECK_THAT(second.error, Contains("push the whole list"));
  CHECK(server.patch("soc", {"a.example.org"}, {}).accepted);
  CHECK(server.push("c2", "a.example.org\n").accepted);
  CHECK(server.patch("c2", {"b.example.org"}, {}).accepted);
}

TEST_CASE("a pipe in place of a feed's file or of a stored one stops no start", "[ioc][limits]") {
  const TemporaryFolder folder;
  IocSettings settings = DamageStory::settings(folder / "state");
  settings.base_dir = folder.path();
  settings.feeds[0].source = "file:list";
  REQUIRE(::mkfifo((folder / "list").c_str(), 0600) == 0);
  {
    Started server(settings);
    CHECK_THAT(server.error("c2"), Contains("not a file"));
    CHECK(server.push("soc", "a.example.org\n").accepted);
  }
  for (const char* name : {"snapshot-2", "journal-2", "manifest.previous.json"}) {
    const std::string path = folder / ("state/" + std::string(name));
    std::filesystem::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  Started server(settings);
  CHECK(server.feeds_of("a.example.org").contains("soc"));
}

}  // namespace cenote::limits_test
