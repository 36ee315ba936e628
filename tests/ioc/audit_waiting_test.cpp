// What waits for a record that cannot be written: kept, noted once, and no loss.
#include <filesystem>
#include <fstream>
#include <numeric>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "ioc/audit_log.h"
#include "tests/ioc/audit_entry.h"
#include "tests/ioc/damage_story.h"
#include "tests/support/nobody.h"
#include "tests/support/read_file.h"
#include "tests/support/temporary_folder.h"

namespace cenote::audit_waiting_test {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFewLines = 2000;  // bytes, that hold four or five

// A record that cannot be opened, until it is mended.
struct BlockedRecord {
  BlockedRecord() { block(); }
  void block() const { std::filesystem::create_symlink(folder / "absent/audit.jsonl", path); }
  void mend() const { std::filesystem::remove(path); }
  [[nodiscard]] std::vector<std::string> noted() const {
    std::vector<std::string> all;
    for (const std::string& line : AuditLog::open(path, kFewLines)->read(0, 100).lines) {
      const std::string what = nlohmann::json::parse(line)["what"];
      if (what.starts_with("push")) {
        all.push_back(what);
      }
    }
    return all;
  }
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  const std::string waiting = path + ".waiting";
};

const std::vector<std::string> kSix = {"push 1", "push 2", "push 3", "push 4", "push 5", "push 6"};

}  // namespace

TEST_CASE("what waits outlives a stop and a crash, and is noted once", "[ioc][audit]") {
  const BlockedRecord record;
  for (uint64_t i = 1; i <= 6; ++i) {  // each by a process of its own
    const auto log = AuditLog::open(record.path, kFewLines);
    CHECK(log->waiting() == i - 1);
    AuditEntry one = test::audit_entry("push " + std::to_string(i), i);
    one.why = "of \"somebody\"\n\xFF";
    one.held = i;
    CHECK_FALSE(log->append(one));
    CHECK(log->in_memory_only() == 0);
  }
  const std::string kept = test::read_file(record.waiting);
  record.mend();
  {
    const auto log = AuditLog::open(record.path, kFewLines);
    CHECK(log->flush());
    CHECK(nlohmann::json::parse(log->read(0, 1).lines[0])["held"] == 6);
  }
  CHECK_FALSE(std::filesystem::exists(record.waiting));
  CHECK(record.noted() == kSix);

  // Killed after some of them, or all, were written, and before the file was removed.
  std::ofstream(record.waiting, std::ios::binary) << kept;
  SECTION("all") {
    CHECK(AuditLog::open(record.path, kFewLines)->waiting() == 0);
  }
  SECTION("some, and half a line is there") {
    std::filesystem::remove(record.path);
    std::filesystem::remove(record.waiting);
    for (unsigned age = 1; age < 4; ++age) {
      std::filesystem::remove(fmt::format("{}.{}", record.path, age));
    }
    for (uint64_t i = 1; i <= 4; ++i) {
      AuditEntry one = test::audit_entry("push " + std::to_string(i), i);
      one.why = "of \"somebody\"\n\xFF";
      one.held = i;
      REQUIRE(AuditLog::open(record.path, kFewLines)->append(one));
    }
    std::ofstream(record.waiting, std::ios::binary) << kept << "{\"number\":0,";
    const auto log = AuditLog::open(record.path, kFewLines);
    CHECK(log->waiting() == 2);
    CHECK(log->flush());
  }
  CHECK(record.noted() == kSix);
  CHECK(AuditLog::verify(record.path));
}

TEST_CASE("of what waits and is damaged the rest is noted, and the file is kept", "[ioc][audit]") {
  const BlockedRecord record;
  {
    const auto log = AuditLog::open(record.path);
    for (uint64_t i = 1; i <= 3; ++i) {
      CHECK_FALSE(log->append(test::audit_entry("push " + std::to_string(i), i)));
    }
  }
  std::string text = test::read_file(record.waiting);
  text.replace(text.find("push 2"), 6, "push 9");
  std::ofstream(record.waiting, std::ios::binary | std::ios::trunc) << text;
  {
    const auto log = AuditLog::open(record.path);
    CHECK(log->waiting() == 2);
    CHECK_FALSE(log->append(test::audit_entry("push 4", 4)));
    CHECK(log->in_memory_only() == 0);
  }
  record.mend();
  CHECK(AuditLog::open(record.path)->flush());
  CHECK(record.noted() == std::vector<std::string>{"push 1", "push 3", "push 4"});
  CHECK(test::read_file(record.waiting + ".damaged") == text);
}

TEST_CASE("where not even what waits can be kept, few may", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const test::Nobody nobody;
  const auto log = AuditLog::open(path);
  REQUIRE_FALSE(log->problem().empty());
  for (uint64_t i = 1; i <= 8; ++i) {
    CHECK(log->has_room());
    CHECK_FALSE(log->append(test::audit_entry("push", i)));
    CHECK(log->in_memory_only() == i);
  }
  CHECK_FALSE(log->has_room());
}

namespace {

class StartedServer : public test::StartedUpdater {
 public:
  explicit StartedServer(const std::string& state_dir)
      : StartedUpdater(test::DamageStory::settings(state_dir)) {
    REQUIRE(load());
    start();
  }
};

// The generations that the record notes as done, in its order.
std::vector<uint64_t> generations_of(Updater& updater) {
  std::vector<uint64_t> all;
  for (const std::string& line : updater.audit(0, 1000).lines) {
    all.push_back(nlohmann::json::parse(line)["generation"]);
  }
  return all;
}

std::vector<uint64_t> from_one_to(uint64_t last) {
  std::vector<uint64_t> all(last);
  std::iota(all.begin(), all.end(), 1);
  return all;
}

}  // namespace

TEST_CASE("what was acknowledged while the record could not be opened is on record after a stop and a mend",
          "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string record = folder / "state/audit.jsonl";
  { StartedServer running(folder / "state"); }
  const bool is_there = fs::exists(record);
  REQUIRE(is_there);
  fs::rename(record, folder / "kept");
  fs::create_symlink("absent/audit.jsonl", record);
  uint64_t last = 0;
  {
    StartedServer running(folder / "state");
    for (int i = 0; i < 20; ++i) {
      CHECK(running.allow(fmt::format("a{}.example", i)).accepted);
    }
    CHECK(running.push("c2", "evil.example\n").accepted);  // the store forgets the oldest of them
    CHECK(running.allow("last.example").accepted);
    last = running.updater().generation();
  }
  {
    StartedServer running(folder / "state");  // still not
    CHECK(running.updater().state_health().audit_waiting == last - 1);
  }
  fs::remove(record);
  fs::rename(folder / "kept", record);
  {
    StartedServer running(folder / "state");
    CHECK(running.updater().state_health().losses.empty());
    CHECK(generations_of(running.updater()) == from_one_to(last));
  }
  CHECK(AuditLog::verify(record));

  // What the store has forgotten and nobody noted is a loss; what it knows is noted again.
  fs::resize_file(record, [&] {
    std::ifstream in(record);
    std::string line;
    std::getline(in, line);
    return line.size() + 1;
  }());
  StartedServer running(folder / "state");
  CHECK(running.updater().state_health().losses.size() == 1);
}

TEST_CASE("changes that a kill kept from the record are noted again, and are no loss", "[ioc][audit]") {
  const TemporaryFolder folder;
  uint64_t last = 0;
  const std::string record = folder / "state/audit.jsonl";
  std::uintmax_t before = 0;
  {
    StartedServer running(folder / "state");
    before = fs::file_size(record);
    for (int i = 0; i < 3; ++i) {
      CHECK(running.allow(fmt::format("a{}.example", i)).accepted);
    }
    last = running.updater().generation();
  }
  fs::resize_file(record, before);
  StartedServer running(folder / "state");
  CHECK(running.updater().state_health().losses.empty());
  CHECK(generations_of(running.updater()) == from_one_to(last));
}

}  // namespace cenote::audit_waiting_test
