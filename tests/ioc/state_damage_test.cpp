// Files of the state folder are damaged or lost at random: whatever was acknowledged is in force after a
// start, or the start says of which feed it is not, and the feed's next whole list makes it whole again.
// CENOTE_DAMAGES says how often, CENOTE_SEED begins elsewhere.
#include <cstdlib>

#include <catch2/catch.hpp>

#include "tests/ioc/damage_story.h"
#include "tests/support/log_watch.h"
#include "tests/support/temporary_folder.h"

namespace cenote::state_damage_test {
namespace {

namespace fs = std::filesystem;
using test::DamageStory;
using test::LogWatch;
using test::StartedUpdater;

int rounds_wanted(int otherwise) {
  const char* wanted = std::getenv("CENOTE_DAMAGES");
  return wanted != nullptr ? std::atoi(wanted) : otherwise;
}

// The feeds, "exceptions" among them, of which something else is in force than what was acknowledged.
std::set<std::string> wrong_feeds(StartedUpdater& server) {
  std::set<std::string> wrong;
  for (const auto& [name, feeds] : DamageStory::listed()) {
    const std::multiset<std::string> found = server.feeds_of(name);
    std::vector<std::string> differences;
    std::set_symmetric_difference(found.begin(), found.end(), feeds.begin(), feeds.end(),
                                  std::back_inserter(differences));
    wrong.insert(differences.begin(), differences.end());
  }
  return wrong;
}

bool is_said(StartedUpdater& server, const std::string& feed) {
  return feed == "exceptions" ? !server.updater().state_health().losses.empty()
                              : !server.status(feed).last_error.empty();
}

bool holds_all(StartedUpdater& server) {
  const Held held = server.updater().held();
  return held.changes.size() == 1 && held.changes[0].feed == "soc";
}

bool is_kept(const std::string& state, const std::string& body) {
  for (const auto& entry : fs::directory_iterator(state + "/contents")) {
    std::ifstream in(entry.path(), std::ios::binary);
    if (std::string((std::istreambuf_iterator<char>(in)), {}) == body) {
      return true;
    }
  }
  return false;
}

// Pushing every list again is the way back.
void mend(StartedUpdater& server) {
  for (const char* feed : DamageStory::kFeeds) {
    CAPTURE(feed);
    const ChangeResult patched = server.patch(feed, {"new.example.org"}, {});
    CAPTURE(patched.error);
    CHECK(patched.accepted);
    CHECK(patched.generation > DamageStory::kGeneration);
    const ChangeResult pushed = server.push(feed, DamageStory::lists().at(feed));
    CAPTURE(pushed.error);
    CHECK(pushed.accepted);
    CHECK(server.status(feed).last_error.empty());
  }
  for (const char* name : {"a.example.org", "s2.example.net", "u.example.org"}) {
    CHECK(server.feeds_of(name).size() == 1);
  }
}

}  // namespace

TEST_CASE("of damaged or lost state all is in force, or the start says of what it is not", "[ioc][damage]") {
  const int rounds = rounds_wanted(200);
  const char* seed = std::getenv("CENOTE_SEED");
  const TemporaryFolder whole;
  DamageStory::tell(whole / "plain", false);
  DamageStory::tell(whole / "folded", true);
  std::mt19937_64 random(seed == nullptr ? 5 : std::strtoull(seed, nullptr, 10));
  int silent = 0, wrong_rounds = 0, refused = 0;
  for (int round = 0; round < rounds; ++round) {
    const TemporaryFolder folder;
    const std::string state = folder / "state";
    fs::copy(whole / (round % 3 == 2 ? "folded" : "plain"), state, fs::copy_options::recursive);
    const std::string what = test::harm(state, random);
    CAPTURE(round, what);
    bool was_wrong = false;
    {
      const LogWatch log;
      StartedUpdater server(DamageStory::settings(state));
      if (const Result<void> loaded = server.load(); !loaded) {
        ++refused;
        CAPTURE(loaded.error().message);
        CHECK_FALSE(what.starts_with("contents/"));
        continue;
      }
      CAPTURE(log.errors());
      const std::set<std::string> wrong = wrong_feeds(server);
      for (const std::string& feed : wrong) {
        CAPTURE(feed);
        CHECK(is_said(server, feed));
      }
      CHECK((holds_all(server) || !log.errors().empty()));
      CHECK((wrong.empty() || !log.errors().empty()));
      was_wrong = !wrong.empty();
      wrong_rounds += was_wrong ? 1 : 0;
      silent += log.errors().empty() ? 1 : 0;
      if (what.find("manifest") != std::string::npos) {
        for (const auto& [feed, body] : DamageStory::lists()) {
          CHECK(is_kept(state, body));
        }
      }
    }
    if (was_wrong) {  // nor is it forgotten by the start after
      StartedUpdater server(DamageStory::settings(state));
      REQUIRE(server.load());
      for (const std::string& feed : wrong_feeds(server)) {
        CAPTURE(feed);
        CHECK((feed == "exceptions" || is_said(server, feed)));
      }
    }
    if (was_wrong || round % 10 == 0) {
      {
        StartedUpdater server(DamageStory::settings(state));
        REQUIRE(server.load());
        server.start();
        mend(server);
      }
      StartedUpdater server(DamageStory::settings(state));
      REQUIRE(server.load());
      for (const char* feed : DamageStory::kFeeds) {
        CHECK(server.status(feed).last_error.empty());
      }
    }
  }
  WARN(rounds << " rounds: " << wrong_rounds << " with less in force, all said; " << refused
              << " refused to start; " << silent << " harmless without a word");
}

}  // namespace cenote::state_damage_test
