#include "ioc/durable_file.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <optional>

#include <sys/stat.h>
#include <sys/syscall.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "ioc/store.h"
#include "tests/ioc/damage_story.h"
#include "tests/support/log_watch.h"
#include "tests/support/nobody.h"
#include "tests/support/temporary_folder.h"

namespace cenote::durable_file_test {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::DamageStory;
using test::LogWatch;
using test::StartedUpdater;

std::atomic<ino_t> failing_folder{0};
std::atomic<int> left_before_it_fails{0};

// While it lives, the disk refuses to force this folder, but for the first `good` times.
class UnforcedFolder {
 public:
  explicit UnforcedFolder(const std::string& folder, int good = 0) {
    struct stat status {};
    REQUIRE(::stat(folder.c_str(), &status) == 0);
    left_before_it_fails = good;
    failing_folder = status.st_ino;
  }
  ~UnforcedFolder() { failing_folder = 0; }
  UnforcedFolder(const UnforcedFolder&) = delete;
  UnforcedFolder& operator=(const UnforcedFolder&) = delete;
};

// While it lives, this thread may write into the folder and may not open it, which root always may.
class UnopenedFolder {
 public:
  explicit UnopenedFolder(const std::string& folder) : folder_(folder) {
    REQUIRE(::chmod(folder.c_str(), 0300) == 0);
    if (::geteuid() == 0) {
      REQUIRE(::chown(folder.c_str(), test::kNobody, test::kNobody) == 0);
    }
    nobody_.emplace();
  }
  ~UnopenedFolder() {
    nobody_.reset();
    ::chmod(folder_.c_str(), 0700);
  }
  UnopenedFolder(const UnopenedFolder&) = delete;
  UnopenedFolder& operator=(const UnopenedFolder&) = delete;

 private:
  std::string folder_;
  std::optional<test::Nobody> nobody_;
};

bool is_in_force(const std::string& state_dir, const std::string& name) {
  const TemporaryFolder copy;
  fs::copy(state_dir, copy / "state", fs::copy_options::recursive);
  StartedUpdater server(DamageStory::settings(copy / "state"));
  REQUIRE(server.load());
  return !server.feeds_of(name).empty();
}

}  // namespace

TEST_CASE("a folder that cannot be opened refuses the file, and the old one stays", "[ioc][durable]") {
  const TemporaryFolder folder;
  const std::string path = folder / "state/file";
  fs::create_directory(folder / "state");
  fs::permissions(folder.path(), fs::perms::all);  // on the way to it
  folder.write("state/file", "old");
  for (const Durability durability : {Durability::kDurable, Durability::kCommit}) {
    {
      const UnopenedFolder unopened(folder / "state");
      CHECK_FALSE(replace_file(path, as_bytes("new"), durability));
    }
    CHECK(folder.read("state/file") == "old");
    CHECK_FALSE(fs::exists(path + ".new"));
  }
}

TEST_CASE("what is renamed and cannot be forced is a commit, loudly, and else an error", "[ioc][durable]") {
  const TemporaryFolder folder;
  const UnforcedFolder unforced(folder.path());
  const LogWatch log;
  CHECK_FALSE(replace_file(folder / "file", as_bytes("durable"), Durability::kDurable));
  CHECK(log.errors().empty());
  CHECK(replace_file(folder / "file", as_bytes("committed"), Durability::kCommit));
  CHECK(folder.read("file") == "committed");
  CHECK_THAT(log.errors(), Contains("file: is replaced, but"));
}

TEST_CASE(
    "when a list's manifest cannot be forced, memory and disk agree, and what follows outlives a restart",
    "[ioc][durable]") {
  const TemporaryFolder folder;
  StartedUpdater server(DamageStory::settings(folder.path()));
  REQUIRE(server.load());
  server.start();
  REQUIRE(server.push("c2", "a.example.org\n").accepted);
  {
    const UnforcedFolder unforced(folder.path());  // not even the journal, which comes first
    CHECK_FALSE(server.push("c2", "a.example.org\nb.example.org\n").accepted);
  }
  CHECK(server.feeds_of("b.example.org").empty());
  CHECK_FALSE(is_in_force(folder.path(), "b.example.org"));
  {
    const UnforcedFolder unforced(folder.path(), 1);  // the journal, and not the manifest
    const LogWatch log;
    CHECK(server.push("c2", "a.example.org\nb.example.org\n").accepted);
    CHECK_THAT(log.errors(), Contains("manifest.json: is replaced, but"));
  }
  CHECK_FALSE(server.feeds_of("b.example.org").empty());
  CHECK(server.patch("c2", {"p.example.org"}, {}).accepted);
  CHECK(is_in_force(folder.path(), "b.example.org"));
  CHECK(is_in_force(folder.path(), "p.example.org"));
}

TEST_CASE("when a fold's manifest cannot be forced, the compiled policy that it names stays",
          "[ioc][durable]") {
  const TemporaryFolder folder;
  IocSettings settings = DamageStory::settings(folder.path());
  settings.fold_entries = 2;
  StartedUpdater server(settings);
  REQUIRE(server.load());
  server.start();
  REQUIRE(server.push("c2", "a.example.org\n").accepted);
  const UnforcedFolder unforced(folder.path(), 1);
  REQUIRE(server.patch("c2", {"p.example.org", "q.example.org", "r.example.org"}, {}).accepted);
  const uint64_t generation = server.updater().generation();
  const auto deadline = mono_now() + seconds(20);
  while (left_before_it_fails >= 0 && mono_now() < deadline) {
    ::usleep(10'000);
  }
  REQUIRE(server.patch("c2", {"s.example.org"}, {}).accepted);  // behind the fold
  CHECK(fs::exists(fmt::format("{}/snapshot-{}", folder.path(), generation)));
  const LogWatch log;
  CHECK(is_in_force(folder.path(), "s.example.org"));
  CHECK(log.errors().empty());
}

TEST_CASE("a content that could not be forced is forced before anything relies on it", "[ioc][durable]") {
  const TemporaryFolder folder;
  auto store = Store::open(folder.path());
  REQUIRE(store);
  const UnforcedFolder unforced(folder / "contents");
  CHECK_FALSE((*store)->put_content("text"));
  CHECK_FALSE((*store)->put_content("text"));  // although it is there by now
}

}  // namespace cenote::durable_file_test

// Stands before the C library's.
extern "C" int fsync(int file) {
  struct stat status {};
  if (::fstat(file, &status) == 0 && S_ISDIR(status.st_mode) &&
      status.st_ino == cenote::durable_file_test::failing_folder &&
      cenote::durable_file_test::left_before_it_fails-- <= 0) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, file));
}
