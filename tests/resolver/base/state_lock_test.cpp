#include "resolver/base/state_lock.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace cenote::state_lock_test {
namespace {

std::string refusal(const std::string& folder) {
  const auto lock = StateLock::take(folder);
  return lock ? "" : lock.error().message;
}

}  // namespace

TEST_CASE("a state folder is made for its owner alone, and is one process's at a time",
          "[base][state_lock]") {
  const TemporaryFolder folder;
  const std::string state = folder / "a/state";
  {
    auto lock = StateLock::take(state);
    REQUIRE(lock);
    CHECK(lock->is_held());
    struct stat status {};
    REQUIRE(stat(state.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0700);
    CHECK_THAT(refusal(state), Catch::Contains("another process"));
    const StateLock moved = std::move(*lock);
    CHECK(moved.is_held());
    CHECK_FALSE(lock->is_held());
    CHECK_THAT(refusal(state), Catch::Contains("another process"));
  }
  CHECK(refusal(state).empty());
}

TEST_CASE("what is no folder is refused by its name", "[base][state_lock]") {
  const TemporaryFolder folder;
  folder.write("file", "");
  CHECK_THAT(refusal(folder / "file"), Catch::Contains(folder / "file"));
  CHECK_THAT(refusal(folder / "file/below"), Catch::Contains(folder / "file/below"));
}

TEST_CASE("a state folder of another user is refused, for its owner could exchange what is in it",
          "[base][state_lock]") {
  if (geteuid() != 0) {
    return;  // only root gives a folder away
  }
  const TemporaryFolder folder;
  const std::string state = folder / "state";
  REQUIRE(refusal(state).empty());
  REQUIRE(chown(state.c_str(), 65534, 0) == 0);
  CHECK_THAT(refusal(state), Catch::Contains("belongs to user 65534"));
  CHECK_FALSE(make_state_folder(state));
}

}  // namespace cenote::state_lock_test
