#include "resolver/base/files.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.h"

namespace cenote::files_test {

TEST_CASE("a secret is made once, for its owner alone, and is the same ever after", "[base]") {
  const TemporaryFolder folder;
  const std::string path = folder / "state/secret";
  const auto made = persistent_secret(path, 32);
  REQUIRE(made);
  CHECK(made->size() == 32);
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  const auto again = persistent_secret(path, 32);
  REQUIRE(again);
  CHECK(*again == *made);
  const auto other = persistent_secret(folder / "other", 32);
  REQUIRE(other);
  CHECK(*other != *made);
}

TEST_CASE("a secret that is damaged, or that others may read, is set aside and made again", "[base]") {
  const TemporaryFolder folder;
  const std::string path = folder / "secret";
  const auto remade = [&] {
    const std::string before = folder.read("secret");
    const auto made = persistent_secret(path, 32);
    REQUIRE(made);
    CHECK(made->size() == 32);
    CHECK(std::string(made->begin(), made->end()) != before);
    CHECK(folder.read("secret.damaged") == before);
    const auto again = persistent_secret(path, 32);
    REQUIRE(again);
    CHECK(*again == *made);
  };
  for (const std::string& text : {std::string(), std::string("short"), std::string(33, 'x')}) {
    folder.write("secret", text);
    chmod(path.c_str(), 0600);
    remade();
  }
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    chmod(path.c_str(), mode);
    remade();
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  REQUIRE(persistent_secret(path, 32));
  CHECK(std::filesystem::is_regular_file(path));
}

TEST_CASE("a secret that cannot be kept is an error that names the file", "[base]") {
  const auto failed = persistent_secret("/proc/secret", 32);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("/proc/secret") != std::string::npos);
}

}  // namespace cenote::files_test
