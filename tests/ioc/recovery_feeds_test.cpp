// What a start does about held lists, settings that do not fit, and folders of an earlier version.
#include <catch2/catch.hpp>

#include "tests/ioc/recovery_story.h"
#include "tests/support/log_watch.h"

namespace cenote::recovery_feeds_test {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::DamageStory;
using test::LogWatch;
using Folder = test::DamagedFolder;
using Started = test::RecoveredServer;

}  // namespace

TEST_CASE("a held list that is damaged is said of its feed and not released", "[ioc][recovery]") {
  const Folder folder;
  SECTION("its list") {
    Folder::damage(folder.at("held/soc.list"));
  }
  SECTION("its list is gone") {
    fs::remove(folder.at("held/soc.list"));
  }
  SECTION("its description") {
    Folder::damage(folder.at("held/soc.json"));
  }
  SECTION("its description is gone") {
    fs::remove(folder.at("held/soc.json"));
  }
  Started server(folder);
  CHECK(server.wrong().empty());
  CHECK_THAT(server.error("soc"), Contains("cannot be released any more"));
  CHECK(server.updater().held().changes.empty());
  CHECK(server.push("soc", DamageStory::lists().at("soc")).accepted);
  CHECK(server.error("soc").empty());
}

TEST_CASE("settings under which nothing of a feed's list can be used leave what was in force",
          "[ioc][recovery]") {
  const Folder folder;
  IocSettings settings = DamageStory::settings(folder.state());
  settings.feeds[1].options["encoding"] = "utf-16le";
  SECTION("at a start") {
    Started server(settings);
    CHECK(server.wrong().empty());
    CHECK_THAT(server.error("soc"), Contains("with its new settings"));
  }
  SECTION("at a reload") {
    Started server(folder);
    std::promise<ChangeResult> reloaded;
    server.updater().reload(settings, [&](ChangeResult result) { reloaded.set_value(std::move(result)); });
    CHECK(reloaded.get_future().get().accepted);
    CHECK(server.wrong().empty());
    CHECK_THAT(server.error("soc"), Contains("with its new settings"));
  }
  SECTION("and are said again and again where nothing was left in force") {
    folder.damage_snapshots();
    for (int start = 0; start < 2; ++start) {
      Started server(settings);
      CHECK(server.feeds_of("s1.example.net").empty());
      CHECK_THAT(server.error("soc"), Contains("with its new settings"));
    }
  }
  Started server(folder);  // the settings are put right
  CHECK(server.wrong().empty());
  CHECK(server.error("soc").empty());
}

TEST_CASE("what people add to a feed does not hide that its new settings fit no line of its list",
          "[ioc][recovery]") {
  const TemporaryFolder folder;
  IocSettings settings = DamageStory::settings(folder / "state");
  {
    Started server(settings);
    REQUIRE(server.push("soc", "l1.example.net\nl2.example.net\n").accepted);
    for (const char* name : {"a.example.org", "b.example.org", "c.example.org"}) {
      REQUIRE(server.add("soc", name).accepted);
    }
  }
  settings.feeds[1].options["encoding"] = "utf-16le";
  Started server(settings);
  CHECK_THAT(server.error("soc"), Contains("with its new settings"));
  CHECK(server.feeds_of("l1.example.net").contains("soc"));
}

TEST_CASE("a feed's encoding is that of its lists: single lines come as JSON", "[ioc][recovery]") {
  const TemporaryFolder folder;
  IocSettings settings = DamageStory::settings(folder / "state");
  settings.feeds[0].options["encoding"] = "utf-16le";
  Started server(settings);
  const ChangeResult patched = server.patch("c2", {"a.example.org"}, {});
  CHECK(patched.added == 1);
  CHECK(patched.rejected == 0);
}

TEST_CASE("a feed with a file of its own takes it again after a loss", "[ioc][recovery]") {
  const TemporaryFolder folder;
  folder.write("list.txt", "a.example.org\n");
  IocSettings settings = DamageStory::settings(folder / "state");
  settings.base_dir = folder.path();
  settings.feeds[0].source = "file:list.txt";
  {
    Started server(settings);
    REQUIRE(server.patch("c2", {"b.example.org"}, {}).accepted);
  }
  for (const auto& entry : fs::directory_iterator(folder / "state/contents")) {
    std::ofstream(entry.path(), std::ios::trunc) << "rubbish";
  }
  std::ofstream(folder / "state/snapshot-1", std::ios::trunc) << "rubbish";
  Started server(settings);
  CHECK(server.feeds_of("a.example.org").contains("c2"));
  CHECK(server.error("c2").empty());
}

TEST_CASE("a folder that 0.1.0 wrote is taken over whole, and without a false alarm", "[ioc][recovery]") {
  const TemporaryFolder folder;
  fs::copy(CENOTE_SOURCE_DIR "/tests/ioc/state_of_0.1", folder / "state", fs::copy_options::recursive);
  IocSettings settings = DamageStory::settings(folder / "state");
  settings.feeds.pop_back();
  settings.feeds[0].category = "c2";
  const LogWatch log;
  for (int start = 0; start < 2; ++start) {
    Started server(settings);
    CHECK(log.errors().empty());
    for (const char* name : {"a.example.org", "www.google.com", "patched.example.org"}) {
      CHECK(server.feeds_of(name).contains("c2"));
    }
    CHECK(server.feeds_of("b.example.org").empty());
    CHECK(server.feeds_of("s29.example.net").contains("soc"));
    CHECK(server.feeds_of("single.example.org").contains("soc"));
    CHECK(server.feeds_of("partner.example.org").contains("exceptions"));
    CHECK(server.updater().held().changes.size() == 1);
    CHECK(server.losses().empty());
    CHECK(server.updater().generation() >= 8);
  }
  Started server(settings);
  CHECK(server.push("c2", "a.example.org\nb.example.org\nwww.google.com\n").held == 0);
  CHECK(log.errors().empty());
  CHECK(AuditLog::verify(folder / "state/audit.jsonl"));
}

}  // namespace cenote::recovery_feeds_test
