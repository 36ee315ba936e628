// A folder of the damage story to harm, and what a start makes of it.
#pragma once

#include <catch2/catch.hpp>

#include "tests/ioc/damage_story.h"
#include "tests/support/temporary_folder.h"

namespace cenote::test {

// A folder of the story, made once.
class DamagedFolder {
 public:
  DamagedFolder() {
    static const TemporaryFolder whole;
    if (!std::filesystem::exists(whole / "state")) {
      DamageStory::tell(whole / "state", false);
    }
    std::filesystem::copy(whole / "state", state(), std::filesystem::copy_options::recursive);
  }
  [[nodiscard]] std::string state() const { return folder_ / "state"; }
  [[nodiscard]] std::string at(const std::string& name) const { return state() + "/" + name; }
  // The content that holds the text.
  [[nodiscard]] std::string content_with(const std::string& text) const {
    for (const auto& entry : std::filesystem::directory_iterator(at("contents"))) {
      if (folder_.read("state/contents/" + entry.path().filename().string()).find(text) !=
          std::string::npos) {
        return entry.path().string();
      }
    }
    FAIL("no content has " << text);
    return {};
  }
  static void damage(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2);
    file.put('#');
  }
  void damage_snapshots() const {
    for (const auto& entry : std::filesystem::directory_iterator(state())) {
      if (entry.path().filename().string().starts_with("snapshot-")) {
        damage(entry.path().string());
      }
    }
  }
  [[nodiscard]] size_t count(const std::string& in, const std::string& end) const {
    size_t found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(at(in))) {
      found += entry.path().filename().string().find(end) == std::string::npos ? 0U : 1U;
    }
    return found;
  }

 private:
  TemporaryFolder folder_;
};

class RecoveredServer : public StartedUpdater {
 public:
  explicit RecoveredServer(const DamagedFolder& folder)
      : RecoveredServer(DamageStory::settings(folder.state())) {}
  explicit RecoveredServer(const IocSettings& settings) : StartedUpdater(settings) {
    const Result<void> loaded = load();
    INFO((loaded ? std::string() : loaded.error().message));
    REQUIRE(loaded);
    start();
  }
  // Names of the story of which something else is in force; of these feeds only when any is given.
  std::set<std::string> wrong() {
    std::set<std::string> names;
    for (const auto& [name, feeds] : DamageStory::listed()) {
      if (feeds_of(name) != feeds) {
        names.insert(name);
      }
    }
    return names;
  }
  std::string error(const std::string& feed) { return status(feed).last_error; }
  std::vector<std::string> losses() { return updater().state_health().losses; }
};

}  // namespace cenote::test
