#include "ioc/suffixes.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

using namespace cenote;
using Kind = PublicSuffixes::Kind;

TEST_CASE("A list from a file is read with both of its sections") {
  const auto path = std::filesystem::temp_directory_path() / "cenote_suffixes_test.dat";
  std::ofstream(path)
      << "// ===BEGIN ICANN DOMAINS===\ntest\n*.wild.test\n!city.wild.test\n// ===END ICANN DOMAINS===\n"
         "// ===BEGIN PRIVATE DOMAINS===\nhoster.test\n*.cloud.test\n// ===END PRIVATE DOMAINS===\n";
  const auto list = PublicSuffixes::from_file(path);
  std::filesystem::remove(path);
  REQUIRE(list);
  CHECK(list->kind("test") == Kind::kIcann);
  CHECK(list->kind("wild.test") == Kind::kIcann);
  CHECK(list->kind("any.wild.test") == Kind::kIcann);
  CHECK(list->kind("city.wild.test") == Kind::kNone);
  CHECK(list->kind("hoster.test") == Kind::kPrivate);
  CHECK(list->kind("tenant.hoster.test") == Kind::kNone);
  CHECK(list->kind("cloud.test") == Kind::kPrivate);
  CHECK(list->kind("tenant.cloud.test") == Kind::kNone);
  CHECK(list->kind("unknown") == Kind::kNone);
}

TEST_CASE("A file that is no list is an error") {
  CHECK_FALSE(PublicSuffixes::from_file("/nonexistent/list.dat"));
  CHECK_FALSE(PublicSuffixes::from_file("/dev/null"));
}
