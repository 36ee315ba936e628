#include "ioc/audit_log.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <linux/fs.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "resolver/net/digest.h"
#include "tests/ioc/audit_entry.h"
#include "tests/support/nobody.h"
#include "tests/support/read_file.h"
#include "tests/support/temporary_folder.h"

namespace cenote::audit_log_test {
namespace {}  // namespace

TEST_CASE("each line of the record carries the hash of the one before", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  {
    auto log = AuditLog::open(path);
    REQUIRE(log->problem().empty());
    REQUIRE(log->append(test::audit_entry("push a", 1)));
    REQUIRE(log->append(test::audit_entry("push \"b\"\n\xFF", 2)));
  }
  auto log = AuditLog::open(path);
  REQUIRE(log->problem().empty());
  CHECK(log->last_generation() == 2);
  REQUIRE(log->append(test::audit_entry("push c", 3)));
  const auto page = log->read(0, 10);
  REQUIRE(page.lines.size() == 3);
  CHECK(page.last == 3);
  for (size_t i = 1; i < page.lines.size(); ++i) {
    CHECK(nlohmann::json::parse(page.lines[i])["previous"] == sha256_hex(page.lines[i - 1]));
  }
  CHECK(page.head == sha256_hex(page.lines.back()));
  const auto verified = AuditLog::verify(path);
  REQUIRE(verified);
  CHECK(verified->lines == 3);
  CHECK(verified->head == page.head);
}

TEST_CASE("a page of the record is read from its end, and has a bound", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  std::vector<std::string> lines;
  {
    std::ofstream out(path, std::ios::binary);
    for (size_t i = 0; i < 3000; ++i) {  // also longer than what is read at once
      lines.push_back(std::string(i % 100 == 0 ? 400'000 : i % 300, 'x'));
      out << lines.back() << '\n';
    }
    out << "half a line";
  }
  auto log = AuditLog::open(path);
  REQUIRE(log->problem().empty());
  for (const size_t limit : {size_t{1}, size_t{2}, size_t{99}, size_t{100}, size_t{101}, size_t{1000}}) {
    const auto page = log->read(0, limit);
    CHECK(page.lines == std::vector<std::string>(lines.end() - static_cast<ptrdiff_t>(limit), lines.end()));
    CHECK(page.last == 3000);
  }
  CHECK(log->read(2998, 100).lines == std::vector<std::string>(lines.end() - 2, lines.end()));
  CHECK(log->read(3000, 100).lines.empty());
  CHECK(log->read(4000, 100).lines.empty());
  REQUIRE(log->append(test::audit_entry("push a", 1)));
  CHECK(log->read(3000, 100).lines.size() == 1);
  const auto all = log->read(0, 10'000).lines;
  CHECK(all.size() < 3001);  // they have more than a page
  CHECK(all.size() > 1900);
  CHECK(std::equal(all.rbegin() + 1, all.rend(), lines.rbegin()));
}

TEST_CASE("the newest lines come, after a number and up to a limit", "[ioc][audit]") {
  const TemporaryFolder folder;
  auto log = AuditLog::open(folder / "audit.jsonl");
  REQUIRE(log->problem().empty());
  for (uint64_t i = 1; i <= 5; ++i) {
    REQUIRE(log->append(test::audit_entry("push", i)));
  }
  CHECK(log->read(0, 2).lines.size() == 2);
  CHECK(nlohmann::json::parse(log->read(0, 2).lines[0])["number"] == 4);
  CHECK(log->read(4, 100).lines.size() == 1);
  CHECK(log->read(9, 100).lines.empty());
}

TEST_CASE("the newest lines of a long record are the same as of all of it", "[ioc][audit]") {
  const TemporaryFolder folder;
  auto log = AuditLog::open(folder / "audit.jsonl");
  REQUIRE(log->problem().empty());
  for (uint64_t i = 1; i <= 40; ++i) {
    AuditEntry long_one = test::audit_entry("push", i);
    long_one.why = std::string(i * 211, 'x');  // some pieces that it is read in
    REQUIRE(log->append(long_one));
  }
  const auto all = log->read(0, 100).lines;
  REQUIRE(all.size() == 40);
  CHECK(nlohmann::json::parse(all[0])["number"] == 1);
  for (size_t limit = 0; limit <= 41; ++limit) {
    CAPTURE(limit);
    const auto newest = log->read(0, limit).lines;
    REQUIRE(newest.size() == std::min<size_t>(limit, 40));
    REQUIRE(std::equal(newest.rbegin(), newest.rend(), all.rbegin()));
  }
}

TEST_CASE("a line that was changed, taken out or put in shows", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  {
    auto log = AuditLog::open(path);
    REQUIRE(log->problem().empty());
    for (uint64_t i = 1; i <= 3; ++i) {
      REQUIRE(log->append(test::audit_entry("push", i)));
    }
  }
  std::string text = test::read_file(path);
  SECTION("changed") {
    text.replace(text.find("tester"), 6, "nobody");
  }
  SECTION("taken out") {
    text.erase(0, text.find('\n') + 1);
  }
  SECTION("put in") {
    text += text.substr(0, text.find('\n') + 1);
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  CHECK_FALSE(AuditLog::verify(path));
  // It is evidence, so it stays, and the record goes on behind it.
  auto log = AuditLog::open(path);
  REQUIRE(log->problem().empty());
  REQUIRE(log->append(test::audit_entry("later", 9)));
  CHECK(test::read_file(path).starts_with(text));
}

TEST_CASE("half a line, which nobody was told of, is cut off at the start", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  {
    auto log = AuditLog::open(path);
    REQUIRE(log->problem().empty());
    REQUIRE(log->append(test::audit_entry("push", 1)));
  }
  std::ofstream(path, std::ios::binary | std::ios::app) << R"({"number":2,"ti)";
  auto log = AuditLog::open(path);
  REQUIRE(log->problem().empty());
  REQUIRE(log->append(test::audit_entry("push", 2)));
  const auto verified = AuditLog::verify(path);
  REQUIRE(verified);
  CHECK(verified->lines == 2);
}

TEST_CASE("a last line that was changed shows, too", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  {
    auto log = AuditLog::open(path);
    REQUIRE(log->problem().empty());
    REQUIRE(log->append(test::audit_entry("push", 1)));
    REQUIRE(log->append(test::audit_entry("push", 2)));
  }
  const std::string text = test::read_file(path);
  for (size_t at = text.find('\n') + 1; at < text.size(); ++at) {
    std::string flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << flipped;
    CAPTURE(at);
    auto log = AuditLog::open(path);
    REQUIRE(log->problem().empty());
    // Without the checksum's name it reads as a line of a version that wrote none, and says the same.
    const bool has_name = flipped.find("\",\"checksum\":\"", text.find('\n')) != std::string::npos;
    REQUIRE((log->first_bad_line() == 2 || !has_name));
    REQUIRE(log->last_generation() <= 2);
  }
}

TEST_CASE("a line of a version that wrote no checksum is good", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  std::ofstream(path) << R"({"number":1,"generation":4,"what":"push a","previous":")" << std::string(64, '0')
                      << "\"}\n";
  auto log = AuditLog::open(path);
  REQUIRE(log->problem().empty());
  CHECK(log->first_bad_line() == 0);
  CHECK(log->last_generation() == 4);
  REQUIRE(log->append(test::audit_entry("push b", 5)));
  CHECK(AuditLog::verify(path));
}

namespace {

// No file grows beyond `bytes` as long as this lives: as on a full disk, the last write is a short one.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  ~SmallDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("what does not fit on the disk waits in order, and leaves no torn line", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  auto log = AuditLog::open(path);
  REQUIRE(log->problem().empty());
  REQUIRE(log->append(test::audit_entry("push", 1)));
  const std::string before = test::read_file(path);
  {
    const SmallDisk full(before.size() + 100);
    for (const uint64_t generation : {uint64_t{2}, uint64_t{3}}) {
      const Result<void> kept = log->append(test::audit_entry("push", generation));
      REQUIRE_FALSE(kept);
      CHECK_THAT(kept.error().message, Catch::Contains("large"));  // EFBIG, and never "Success"
      CHECK(test::read_file(path) == before);
    }
    CHECK(log->waiting() == 2);
    CHECK(log->last_generation() == 1);
    CHECK(log->read(0, 10).lines.size() == 1);
  }
  REQUIRE(log->append(test::audit_entry("push", 4)));
  CHECK(log->waiting() == 0);
  const auto verified = AuditLog::verify(path);
  REQUIRE(verified);
  CHECK(verified->lines == 4);
  const auto later = log->after(2, 10);
  REQUIRE(later.size() == 2);
  CHECK(later[0].generation == 3);
}

namespace {

std::unique_ptr<AuditLog> filled(const std::string& path, uint64_t lines, uint64_t most_bytes) {
  auto log = AuditLog::open(path, most_bytes);
  REQUIRE(log->problem().empty());
  for (uint64_t i = 1; i <= lines; ++i) {
    REQUIRE(log->append(test::audit_entry("push", i)));
  }
  return log;
}

constexpr uint64_t kFewLines = 2000;  // bytes, that hold four or five

}  // namespace

TEST_CASE("what stands in place of the record and is no file is set aside, and nobody waits for it",
          "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  SECTION("a pipe") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  SECTION("a folder") {
    std::filesystem::create_directories(path + "/x");
  }
  SECTION("a way to a device") {
    std::filesystem::create_symlink("/dev/null", path);
  }
  auto log = AuditLog::open(path);
  CHECK(log->problem().empty());
  CHECK(log->append(test::audit_entry("push", 1)));
  CHECK(std::filesystem::exists(std::filesystem::symlink_status(path + ".damaged")));
  CHECK(AuditLog::verify(path));
}

TEST_CASE("a record that may not be written is left where it is, and taken again when it may",
          "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  filled(path, 2, AuditLog::kMostFileBytes);
  const bool is_readable = GENERATE(true, false);
  std::filesystem::permissions(path, std::filesystem::perms(is_readable ? 0444 : 0000));
  std::unique_ptr<AuditLog> log;
  {
    const test::Nobody nobody;
    log = AuditLog::open(path);
    CHECK_THAT(log->problem(), Catch::Contains("Permission denied"));
    CHECK_FALSE(log->append(test::audit_entry("push", 3)));
    CHECK_FALSE(log->reopen());
  }
  CHECK(log->is_read() == is_readable);
  CHECK(log->last_generation() == (is_readable ? 2 : 0));
  CHECK(log->read(0, 10).lines.size() == (is_readable ? 2 : 0));
  CHECK(log->waiting() == 1);
  CHECK_FALSE(std::filesystem::exists(path + ".damaged"));
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  CHECK(log->reopen());
  CHECK(log->last_generation() == 2);
  log->put_in_order({test::audit_entry("earlier", 2)});
  CHECK(log->flush());
  CHECK(log->waiting() == 0);
  CHECK(nlohmann::json::parse(log->read(0, 2).lines[0])["what"] == "earlier");
  CHECK(AuditLog::verify(path).value().lines == 4);
}

TEST_CASE("a record to which lines may only be appended is written, also after a full disk", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  filled(path, 1, AuditLog::kMostFileBytes);
  const auto append_only = [&](bool on) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    int flags = 0;
    const bool done = ::ioctl(file, FS_IOC_GETFLAGS, &flags) == 0 &&
                      (flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL,
                       ::ioctl(file, FS_IOC_SETFLAGS, &flags) == 0);
    ::close(file);
    return done;
  };
  if (!append_only(true)) {
    return;  // this file system knows no such files, or only root makes them
  }
  {
    auto log = AuditLog::open(path);
    CHECK(log->problem().empty());
    CHECK(log->append(test::audit_entry("push", 2)));
    {
      const SmallDisk full(test::read_file(path).size() + 100);
      CHECK_FALSE(log->append(test::audit_entry("push", 3)));
      CHECK_FALSE(log->append(test::audit_entry("push", 4)));
    }
    CHECK(log->flush());  // behind the half line, which cannot be cut off
  }
  CHECK(AuditLog::verify(path));
  CHECK(AuditLog::open(path)->last_generation() == 4);
  append_only(false);
}

TEST_CASE("a record that is full goes on in another file, and is one record all the same", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  auto log = filled(path, 20, kFewLines);
  CHECK(std::filesystem::exists(path + ".3"));
  CHECK(std::filesystem::file_size(path + ".1") <= kFewLines);
  const auto all = log->read(0, 1000);
  CHECK(all.last == all.lines.size());
  CHECK(all.lines.size() > 20);  // with the first line of each file
  for (size_t i = 0; i < all.lines.size(); ++i) {
    CHECK(nlohmann::json::parse(all.lines[i])["number"] == i + 1);
  }
  for (size_t limit = 0; limit <= all.lines.size(); ++limit) {
    CHECK(log->read(0, limit).lines ==
          std::vector<std::string>(all.lines.end() - static_cast<ptrdiff_t>(limit), all.lines.end()));
  }
  CHECK(log->after(3, 100).size() == 17);
  CHECK(log->after(3, 100).front().generation == 4);
  for (const AuditEntry& each : log->after(0, 100)) {
    CHECK(each.what == "push");  // a new file of the record is no change
  }
  const auto verified = AuditLog::verify(path);
  REQUIRE(verified);
  CHECK(verified->lines == all.lines.size());
  CHECK(verified->head == all.head);
  log.reset();
  log = AuditLog::open(path, kFewLines);
  CHECK(log->first_bad_line() == 0);
  CHECK(log->last_generation() == 20);
  CHECK(log->read(0, 1000).lines == all.lines);

  std::string older = test::read_file(path + ".2");
  older.replace(older.find("tester"), 6, "nobody");
  std::ofstream(path + ".2", std::ios::binary | std::ios::trunc) << older;
  CHECK_FALSE(AuditLog::verify(path));
}

TEST_CASE("the oldest file of a record goes, and the rest is a whole record", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  auto log = filled(path, 60, kFewLines);
  CHECK(std::filesystem::exists(path + ".7"));
  CHECK_FALSE(std::filesystem::exists(path + ".8"));
  CHECK(AuditLog::verify(path));
  CHECK(log->last_generation() == 60);
  CHECK(nlohmann::json::parse(log->read(0, 1000).lines[0])["number"] > 10);
  // Whoever takes more away is seen, unless it is whole files from the oldest on.
  std::filesystem::remove(path + ".7");
  CHECK(AuditLog::verify(path));
  std::filesystem::remove(path + ".5");
  CHECK_FALSE(AuditLog::verify(path));
}

TEST_CASE("a rotation that came to no end is ended at the next start", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  filled(path, 9, kFewLines);
  const uint64_t lines = AuditLog::verify(path).value().lines;
  std::filesystem::rename(path, path + ".0");
  SECTION("after its first step") {}
  SECTION("after one of the next") {
    std::filesystem::rename(path + ".1", path + ".2");
  }
  auto log = AuditLog::open(path, kFewLines);
  CHECK(log->problem().empty());
  CHECK(log->last_generation() == 9);
  CHECK(log->append(test::audit_entry("push", 10)));
  CHECK_FALSE(std::filesystem::exists(path + ".0"));
  CHECK(AuditLog::verify(path).value().lines == lines + 2);
}

TEST_CASE("where so many wait that no other should, nothing that is noted all the same is dropped",
          "[ioc][audit]") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink(folder / "absent/audit.jsonl", folder / "audit.jsonl");
  auto log = AuditLog::open(folder / "audit.jsonl");
  CHECK_THAT(log->problem(), Catch::Contains("No such file"));
  std::vector<AuditEntry> many;
  for (uint64_t i = 1; i < 20'000; ++i) {
    many.push_back(test::audit_entry("push", i));
  }
  log->put_in_order(many);  // at once: each that is appended waits for the disk
  CHECK_FALSE(log->flush());
  REQUIRE(log->has_room());
  CHECK_FALSE(log->append(test::audit_entry("push", 20'000)));
  CHECK_FALSE(log->has_room());
  CHECK_FALSE(log->append(test::audit_entry("push", 20'001)));
  CHECK(log->waiting() == 20'001);
}

namespace {

// No older file can be made room for: as when an administrator keeps one that nobody may move.
void block_older_files(const std::string& path) {
  for (unsigned age = 2; age <= AuditLog::kOlderFiles; ++age) {
    std::filesystem::create_directories(fmt::format("{}.{}/kept", path, age));
  }
}
void free_older_files(const std::string& path) {
  for (unsigned age = 2; age <= AuditLog::kOlderFiles; ++age) {
    std::filesystem::remove_all(fmt::format("{}.{}", path, age));
  }
}

}  // namespace

TEST_CASE("a record whose older files cannot be moved goes on in the same file", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  filled(path, 9, kFewLines);
  REQUIRE(std::filesystem::exists(path + ".1"));
  REQUIRE_FALSE(std::filesystem::exists(path + ".2"));
  block_older_files(path);
  for (uint64_t i = 10; i < 30; ++i) {
    const auto log = AuditLog::open(path, kFewLines);  // with a restart between any two
    CHECK(log->first_bad_line() == 0);
    REQUIRE(log->append(test::audit_entry("push", i)));
    CHECK_FALSE(std::filesystem::exists(path + ".0"));
  }
  CHECK(AuditLog::verify(path));
  CHECK(std::filesystem::file_size(path) > kFewLines);
  CHECK(AuditLog::open(path, kFewLines)->last_generation() == 29);

  free_older_files(path);
  const auto log = AuditLog::open(path, kFewLines);
  REQUIRE(log->append(test::audit_entry("push", 30)));
  CHECK(std::filesystem::exists(path + ".2"));
  CHECK(AuditLog::verify(path));
}

TEST_CASE("a rotation that cannot be ended leaves one record all the same", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  filled(path, 9, kFewLines);
  REQUIRE(std::filesystem::exists(path + ".1"));
  const uint64_t lines = AuditLog::verify(path).value().lines;
  block_older_files(path);
  std::filesystem::rename(path, path + ".0");
  for (uint64_t i = 10; i < 14; ++i) {
    const auto log = AuditLog::open(path, kFewLines);
    CHECK(log->first_bad_line() == 0);
    CHECK(log->last_generation() == i - 1);
    REQUIRE(log->append(test::audit_entry("push", i)));
    const auto all = log->read(0, 100);
    CHECK(all.lines.size() == all.last);
  }
  const auto verified = AuditLog::verify(path);
  REQUIRE(verified);
  CHECK(verified->lines == lines + 5);  // with the first line of the new file
  free_older_files(path);
  REQUIRE(AuditLog::open(path, kFewLines)->append(test::audit_entry("push", 14)));
  CHECK_FALSE(std::filesystem::exists(path + ".0"));
  CHECK(AuditLog::verify(path));
}

TEST_CASE("a generation beyond every number is none, although the checksum is right", "[ioc][audit]") {
  const TemporaryFolder folder;
  const std::string path = folder / "audit.jsonl";
  {
    auto log = AuditLog::open(path);
    REQUIRE(log->append(test::audit_entry("push", 5)));
    REQUIRE(log->append(test::audit_entry("push", UINT64_MAX)));
  }
  const auto log = AuditLog::open(path);
  CHECK(log->first_bad_line() == 0);
  CHECK(log->last_generation() == 5);
}

}  // namespace cenote::audit_log_test
