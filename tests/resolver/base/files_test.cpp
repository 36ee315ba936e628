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

TEST_CASE("a secret of another size is not taken for ours", "[base]") {
  const TemporaryFolder folder;
  folder.write("secret", "short");
  const auto refused = persistent_secret(folder / "secret", 32);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("secret") != std::string::npos);
}

}  // namespace cenote::files_test
