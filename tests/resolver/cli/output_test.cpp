#include "resolver/cli/output.h"

#include <sstream>

#include <catch2/catch.hpp>

namespace cenote::output_test {

TEST_CASE("columns line up, also with wide characters", "[cli][output]") {
  std::ostringstream out;
  Output output(out, out, false);
  output.table({"NAME", "N", "WHAT"}, {{"例え", Cell::number(7), "x"}, {"ab", Cell::number(1234), ""}});
  CHECK(out.str() ==
        "NAME     N  WHAT\n"
        "例え     7  x\n"
        "ab    1234  \n");
}

TEST_CASE("the width of a text is what a terminal gives it", "[cli][output]") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("é") == 1);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("\xe6\x97") == 1);  // cut: no crash
}

TEST_CASE("a cell cannot hold what moves a terminal", "[cli][output]") {
  CHECK(Cell("a\x1b[2J\nb").text == "a\\x1b[2J\\x0ab");
}

TEST_CASE("progress is a bar on a terminal and a line at each quarter elsewhere", "[cli][output]") {
  std::ostringstream out;
  std::ostringstream err;
  Output lines(out, err, false);
  for (uint64_t done = 0; done <= 1000; ++done) {
    lines.progress("sending", done, 1000);
  }
  CHECK(err.str() == "sending: 0 %\nsending: 25 %\nsending: 50 %\nsending: 75 %\nsending: 100 %\n");
  err.str("");
  Output bar(out, err, true);
  bar.progress("sending", 500, 1000);
  CHECK(err.str() == "\rsending: [" + std::string(20, '#') + std::string(20, ' ') + "]  50 %");
  CHECK(out.str().empty());
}

}  // namespace cenote::output_test
