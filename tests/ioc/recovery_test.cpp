// What a start does about state that is missing or damaged, one kind after the other.
#include <fstream>
#include <future>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/ioc/recovery_story.h"
#include "tests/support/log_watch.h"

namespace cenote::recovery_test {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::DamageStory;
using test::LogWatch;
using Folder = test::DamagedFolder;
using Started = test::RecoveredServer;

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("a start that finds everything says nothing and commits nothing", "[ioc][recovery]") {
  const Folder folder;
  const LogWatch log;
  Started server(folder);
  CHECK(log.errors().empty());
  CHECK(server.wrong().empty());
  CHECK(server.updater().generation() == DamageStory::kGeneration);
  CHECK(server.losses().empty());
}

TEST_CASE("decisions that cannot be read take nothing out of force, and the feed goes on without them",
          "[ioc][recovery]") {
  const Folder folder;
  const std::string decisions = folder.content_with("released");
  Folder::damage(decisions);
  {
    const LogWatch log;
    Started server(folder);
    CHECK(server.wrong().empty());
    CHECK_THAT(server.error("c2"), Contains("decided"));
    CHECK(server.error("soc").empty());
    CHECK_THAT(log.errors(), Contains("feed c2: what people decided"));
  }
  CHECK(fs::exists(decisions + ".damaged"));
  {
    Started server(folder);  // the start after has not forgotten it
    CHECK_THAT(server.error("c2"), Contains("decided"));
    CHECK(server.patch("c2", {"p9.example.org"}, {}).accepted);
    CHECK_THAT(server.error("c2"), Contains("decided"));
    const ChangeResult pushed = server.push("c2", DamageStory::lists().at("c2"));
    CHECK(pushed.accepted);
    CHECK(pushed.held == 1);  // what had been released waits again
    CHECK(server.error("c2").empty());
    CHECK(server.release("c2", "www.google.com").accepted);
  }
  Started server(folder);
  CHECK(server.error("c2").empty());
  CHECK(server.feeds_of("www.google.com").contains("c2"));
}

TEST_CASE("decisions that are damaged while it runs do not stop the feed's changes", "[ioc][recovery]") {
  const Folder folder;
  Started server(folder);
  Folder::damage(folder.content_with("released"));
  CHECK(server.patch("c2", {"p9.example.org"}, {}).accepted);
  CHECK(server.feeds_of("p9.example.org").contains("c2"));
  CHECK(server.push("c2", DamageStory::lists().at("c2")).accepted);
  CHECK(server.release("c2", "www.google.com").accepted);
  CHECK(server.feeds_of("www.google.com").contains("c2"));
}

TEST_CASE("a list that is damaged costs nothing while the compiled policy is there", "[ioc][recovery]") {
  const Folder folder;
  Folder::damage(folder.content_with("b.example.org\nwww"));
  Started server(folder);
  CHECK(server.wrong().empty());
  CHECK(server.patch("c2", {"p9.example.org"}, {}).accepted);
  CHECK(server.push("third", DamageStory::lists().at("third")).accepted);
}

TEST_CASE(
    "without list and compiled policy a feed has what else is there of it, and says so until it is pushed",
    "[ioc][recovery]") {
  const Folder folder;
  Folder::damage(folder.content_with("b.example.org\nwww"));
  folder.damage_snapshots();
  {
    const LogWatch log;
    Started server(folder);
    CHECK(server.wrong() == Names{"a.example.org", "www.google.com"});
    CHECK_THAT(server.error("c2"), Contains("its list, cannot be read"));
    CHECK_THAT(log.errors(), Contains("feed c2: contents/"));
    CHECK(server.error("soc").empty());
  }
  Started server(folder);
  CHECK_THAT(server.error("c2"), Contains("its list, cannot be read"));
  CHECK(server.push("c2", DamageStory::lists().at("c2")).accepted);
  CHECK(server.error("c2").empty());
  CHECK(server.feeds_of("www.google.com").contains("c2"));
}

TEST_CASE("a patch that cannot be read neither stops its feed nor the commits of others", "[ioc][recovery]") {
  const Folder folder;
  Folder::damage(folder.content_with("+p1.example.org"));
  SECTION("while the compiled policy is there") {
    {
      Started server(folder);
      CHECK(server.wrong().empty());
      CHECK(server.push("third", DamageStory::lists().at("third")).accepted);
      CHECK(server.patch("c2", {"p9.example.org"}, {}).accepted);
      CHECK(server.push("third", DamageStory::lists().at("third")).accepted);
    }
    Started server(folder);
    CHECK(server.wrong().empty());
    CHECK(server.feeds_of("p9.example.org").contains("c2"));
  }
  SECTION("without it, and then the feed says so") {
    folder.damage_snapshots();
    Started server(folder);
    CHECK(server.wrong() == Names{"b.example.org", "p1.example.org"});
    CHECK_THAT(server.error("c2"), Contains("added and removed"));
    CHECK(server.error("soc").empty());
    CHECK(server.push("c2", DamageStory::lists().at("c2")).accepted);
    CHECK(server.error("c2").empty());
  }
}

TEST_CASE("rejected and held lines that cannot be read are made again", "[ioc][recovery]") {
  const Folder folder;
  {
    Started server(folder);
    REQUIRE(server.push("third", "t.example.org\nbad_line!\nwww.google.com\n").accepted);
  }
  Folder::damage(folder.content_with("\"bad_line!\""));
  Started server(folder);
  CHECK(server.updater().rejects("third").size() == 2);
  CHECK(server.release("third", "www.google.com").accepted);
}

TEST_CASE("a journal that is missing, empty or cut is a loss that names its feeds", "[ioc][recovery]") {
  const Folder folder;
  const std::string journal = folder.at("journal-7");
  REQUIRE(fs::file_size(journal) > 200);
  SECTION("missing") {
    fs::remove(journal);
  }
  SECTION("empty") {
    fs::resize_file(journal, 0);
  }
  SECTION("cut to its first line") {
    fs::resize_file(journal, 17);
  }
  SECTION("cut within a record") {
    fs::resize_file(journal, 100);
  }
  SECTION("a folder in its place") {
    fs::remove(journal);
    fs::create_directories(journal + "/x");
  }
  const Names lost = {"p2.example.org", "p3.example.org", "s2.example.net", "single2.example.org",
                      "partner.example.org"};
  uint64_t generation = 0;
  {
    const LogWatch log;
    Started server(folder);
    CHECK(server.wrong() == lost);
    CHECK_THAT(log.errors(), Contains("lost: generation 11: allow partner.example.org"));
    CHECK_THAT(server.error("c2"), Contains("its change of generation 8 is lost"));
    CHECK_THAT(server.error("soc"), Contains("generation 9"));
    CHECK_THAT(server.error("third"), Contains("generation 10"));
    CHECK_FALSE(server.losses().empty());
    generation = server.updater().generation();
    CHECK(generation == DamageStory::kGeneration + 1);
    CHECK(server.updater().generations().front().what == "start after a loss");
  }
  {
    Started server(folder);
    CHECK(server.updater().generation() == generation);
    CHECK_THAT(server.error("c2"), Contains("its change of generation 8 is lost"));
    CHECK(server.losses().empty());  // by now the record and the store agree
    CHECK(server.patch("c2", {"p2.example.org"}, {}).generation == generation + 1);
    CHECK(server.push("c2", DamageStory::lists().at("c2")).accepted);
  }
  Started server(folder);
  CHECK(server.error("c2").empty());
  CHECK_FALSE(server.error("soc").empty());
}

TEST_CASE("without a manifest the one before is used, and nothing that it does not name is deleted",
          "[ioc][recovery]") {
  const Folder folder;
  const std::string list = folder.content_with("u.example.org");
  SECTION("missing") {
    fs::remove(folder.at("manifest.json"));
  }
  SECTION("with one letter changed") {
    Folder::damage(folder.at("manifest.json"));
  }
  {
    const LogWatch log;
    Started server(folder);
    CHECK(server.feeds_of("www.google.com").contains("c2"));
    CHECK(server.feeds_of("single1.example.org").contains("soc"));
    CHECK(server.feeds_of("u.example.org").empty());
    CHECK_THAT(log.errors(), Contains("manifest.json"));
    CHECK_THAT(log.errors(), Contains("lost: generation 7: push third"));
    CHECK_THAT(server.error("third"), Contains("of generations 7 to 10"));
    CHECK(server.updater().generation() == DamageStory::kGeneration + 1);
    CHECK(server.push("third", DamageStory::lists().at("third")).accepted);
    CHECK(server.error("third").empty());
  }
  CHECK(fs::exists(list + ".lost"));
  CHECK(folder.count("", "journal-7.lost") == 1);
}

TEST_CASE(
    "without any manifest nothing is deleted, every feed says that it lost all, and no number is used twice",
    "[ioc][recovery]") {
  const Folder folder;
  fs::remove(folder.at("manifest.json"));
  fs::remove(folder.at("manifest.previous.json"));
  const size_t contents = folder.count("contents", "");
  SECTION("with the record of changes") {}
  SECTION("without it") {
    fs::remove(folder.at("audit.jsonl"));
  }
  {
    const LogWatch log;
    Started server(folder);
    CHECK_THAT(log.errors(), Contains("there is no manifest that can be read"));
    for (const char* feed : DamageStory::kFeeds) {
      CHECK_THAT(server.error(feed), Contains("everything that it had is lost"));
    }
    CHECK(server.updater().generation() == DamageStory::kGeneration + 1);
    CHECK(folder.count("contents", ".lost") == contents);
    CHECK(server.push("c2", DamageStory::lists().at("c2")).accepted);
    CHECK(server.error("c2").empty());
  }
  CHECK(folder.count("contents", ".lost") == contents);
  Started server(folder);
  CHECK(server.error("c2").empty());
  CHECK_FALSE(server.error("soc").empty());
  CHECK(server.updater().state_health().set_aside >= contents);
}

TEST_CASE("a record of changes that was lost is said, and begun again with what is known",
          "[ioc][recovery]") {
  const Folder folder;
  const std::string audit = folder.at("audit.jsonl");
  SECTION("missing") {
    fs::remove(audit);
  }
  SECTION("empty") {
    fs::resize_file(audit, 0);
  }
  SECTION("a folder in its place") {
    fs::remove(audit);
    fs::create_directories(audit + "/x");
  }
  SECTION("garbage") {
    std::ofstream(audit, std::ios::trunc) << "rubbish";
  }
  const LogWatch log;
  Started server(folder);
  CHECK(server.wrong().empty());
  CHECK_FALSE(server.losses().empty());
  CHECK_THAT(log.errors(), Contains("audit.jsonl"));
  CHECK(server.updater().generation() == DamageStory::kGeneration);
  CHECK(server.updater().audit(0, 100).lines.size() == DamageStory::kGeneration);
}

TEST_CASE(
    "a record of changes that cannot be opened stops no start and no change, and is completed when it can",
    "[ioc][recovery]") {
  const Folder folder;
  fs::rename(folder.at("audit.jsonl"), folder.at("kept"));
  fs::create_symlink("absent/audit.jsonl", folder.at("audit.jsonl"));
  Faults faults;
  {
    std::shared_ptr<const Snapshot> published;
    Updater updater(
        DamageStory::settings(folder.state()), [&](auto snapshot) { published = std::move(snapshot); },
        &faults);
    REQUIRE(updater.load());
    REQUIRE(faults.all().size() == 1);
    CHECK(faults.is_off(Part::kAudit));
    CHECK(updater.state_health().losses.empty());
    updater.start();
    std::promise<ChangeResult> patched;
    updater.patch({"c2", {"p9.example.org"}, {}, "t"},
                  [&](ChangeResult result) { patched.set_value(result); });
    CHECK(patched.get_future().get().accepted);
    CHECK(updater.state_health().audit_waiting == 1);
    // Its newest two lines had been lost, too: they are noted again, before what came since.
    fs::create_directory(folder.at("absent"));
    std::ifstream in(folder.at("kept"));
    std::ofstream out(folder.at("absent/whole"));
    std::string line;
    for (uint64_t i = 0; i < DamageStory::kGeneration - 2 && std::getline(in, line); ++i) {
      out << line << "\n";
    }
    out.close();
    fs::rename(folder.at("absent/whole"), folder.at("absent/audit.jsonl"));
    for (int i = 0; i < 1000 && updater.state_health().audit_waiting != 0; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    CHECK(faults.all().empty());
    uint64_t last = 0;
    for (const std::string& each : updater.audit(0, 100).lines) {
      const auto generation = nlohmann::json::parse(each)["generation"].get<uint64_t>();
      CHECK(generation >= last);
      last = generation;
    }
    CHECK(last == DamageStory::kGeneration + 1);
    updater.stop();
  }
  CHECK(AuditLog::verify(folder.at("audit.jsonl")));
}

}  // namespace cenote::recovery_test
