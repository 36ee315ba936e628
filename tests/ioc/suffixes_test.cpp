#include "ioc/suffixes.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

namespace cenote::suffixes_test {
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

TEST_CASE("The filter lets every suffix of the system's list through to the list") {
  std::ifstream in("/usr/share/publicsuffix/public_suffix_list.dat");
  if (!in) {
    WARN("SKIPPED: the public suffix list as text: the system has none");
    return;
  }
  std::ostringstream text;
  text << in.rdbuf();
  const auto filter = SuffixFilter::from_text(text.str());
  REQUIRE(filter);
  CHECK(filter->may_hold("com"));
  CHECK(filter->may_hold("co.uk"));
  CHECK(filter->may_hold("github.io"));
  CHECK(filter->may_hold("kawasaki.jp"));
  CHECK(filter->may_hold("any.kawasaki.jp"));
  CHECK(filter->may_hold("xn--p1ai"));
  CHECK(PublicSuffixes::system().kind("xn--p1ai") == Kind::kIcann);
  CHECK(PublicSuffixes::system().kind("any.kawasaki.jp") == Kind::kIcann);
  CHECK(PublicSuffixes::system().kind("city.kawasaki.jp") == Kind::kNone);
  size_t passed = 0;
  for (int i = 0; i < 10'000; ++i) {
    passed += filter->may_hold("name-" + std::to_string(i) + ".example") ? 1U : 0U;
  }
  CHECK(passed < 300);
}

TEST_CASE("A list that the filter cannot read makes no filter") {
  CHECK_FALSE(SuffixFilter::from_text(""));
  CHECK_FALSE(SuffixFilter::from_text("// only words\n"));
  CHECK_FALSE(SuffixFilter::from_text("com\nbad..rule\n"));
}

}  // namespace cenote::suffixes_test
