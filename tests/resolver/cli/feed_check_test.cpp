#include "resolver/cli/feed_check.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace cenote::feed_check_test {
namespace {

struct Checked {
  int code;
  std::string out;
  std::string err;
};

Checked check(const std::string& text, FeedCheckArguments arguments) {
  std::string pattern = (std::filesystem::temp_directory_path() / "cenote-feed-XXXXXX").string();
  const int file = mkstemp(pattern.data());
  REQUIRE(file >= 0);
  close(file);
  std::ofstream(pattern) << text;
  arguments.file = pattern;
  std::ostringstream out;
  std::ostringstream err;
  Output output(out, err, false);
  const int code = check_feed(output, arguments);
  std::remove(pattern.c_str());
  return {code, out.str(), err.str()};
}

}  // namespace

TEST_CASE("the accepted set is listed sorted, one entry a line", "[cli][feed_check]") {
  const std::string list = "0.0.0.0 b.test a.test\n0.0.0.0 a.test\n";
  CHECK(check(list, {.format = "hosts", .lists = true}).out == "E a.test\nE b.test\n");
  CHECK(check(list, {.format = "hosts", .scope = "suffix", .lists = true}).out == "S a.test\nS b.test\n");
}

TEST_CASE("counts and rejected lines are shown with their reason", "[cli][feed_check]") {
  const std::string list = "good.test\nbad_\x01name.test\n8.8.8.8\n";
  const Checked text = check(list, {.format = "plain"});
  CHECK(text.code == 0);
  CHECK_THAT(text.out, Catch::Contains("accepted  1 name, 1 address, 0 allowed"));
  CHECK_THAT(text.out, Catch::Contains("control_char  bad_\\x01name.test"));
  const auto json = nlohmann::json::parse(check(list, {.format = "plain", .is_json = true}).out);
  CHECK(json["accepted"]["names"] == 1);
  CHECK(json["rejects"][0]["line"] == 2);
  CHECK(json["rejects"][0]["reason"] == "control_char");
}

TEST_CASE("a wrong option is usage, an unusable file is a refusal", "[cli][feed_check]") {
  CHECK(check("a.test\n", {.format = "nonsense"}).code == 2);
  CHECK(check("a.test\n", {.options = {"colour"}}).code == 2);
  CHECK(check("a.test\n", {.options = {"colour=red"}}).code == 2);
  CHECK(check("<!DOCTYPE html><html>", {.format = "plain"}).code == 1);
  std::ostringstream out;
  std::ostringstream err;
  Output output(out, err, false);
  CHECK(check_feed(output, {.file = "/nonexistent/list"}) == 1);
  CHECK_THAT(err.str(), Catch::Contains("/nonexistent/list"));
}

}  // namespace cenote::feed_check_test
