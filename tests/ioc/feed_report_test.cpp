#include "ioc/feed_report.h"

#include <catch2/catch.hpp>

namespace cenote::feed_report_test {

TEST_CASE("A report lists each entry once, sorted, and counts the rest") {
  FeedReport report(1);
  const std::string body =
      "bad.example\nEVIL.example.\nevil.example\n*.evil.example\n8.8.4.4\nno good\nnor this\n";
  REQUIRE(parse_feed(body, ParseOptions{.format = "plain"}, report));
  CHECK(report.list() ==
        std::vector<std::string>{"E bad.example", "E evil.example", "I 8.8.4.4", "S evil.example"});
  CHECK(report.names() == 2);
  CHECK(report.addresses() == 1);
  CHECK(report.accepted_rows() == 5);
  CHECK(report.rejected_rows() == 2);
  CHECK(report.rejects().size() == 1);  // as many as were asked for
  report.clear();
  CHECK(report.list().empty());
  CHECK(report.rejected_rows() == 0);
}

TEST_CASE("Held and allowed entries are no blocks") {
  FeedReport report;
  REQUIRE(parse_feed("||github.io^\n||github.io^\n@@||good.example^\n", ParseOptions{.format = "adblock"},
                     report));
  CHECK(report.names() == 0);
  CHECK(report.held_rows() == 2);
  CHECK(report.held_names() == 1);
  CHECK(report.allowed() == 1);
  REQUIRE(report.holds().size() == 2);
  CHECK(report.holds()[1].line == 2);
  CHECK(report.holds()[1].text == "S github.io");
  CHECK(report.holds()[1].reason == "private_suffix");
}

}  // namespace cenote::feed_report_test
