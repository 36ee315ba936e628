#include "resolver/control/metrics.h"

#include <catch2/catch.hpp>

namespace cenote::metrics_test {

TEST_CASE("values of one name stand together under one help text", "[control][metrics]") {
  MetricsPage page;
  page.counter("cenote_queries_total", "Queries received.", 3, {{"transport", "udp"}});
  page.gauge("cenote_generation", "Generation in force.", 12);
  page.counter("cenote_queries_total", "ignored", 1, {{"transport", "tcp"}});
  CHECK(page.text() ==
        "# HELP cenote_queries_total Queries received.\n"
        "# TYPE cenote_queries_total counter\n"
        "cenote_queries_total{transport=\"udp\"} 3\n"
        "cenote_queries_total{transport=\"tcp\"} 1\n"
        "# HELP cenote_generation Generation in force.\n"
        "# TYPE cenote_generation gauge\n"
        "cenote_generation 12\n");
}

TEST_CASE("a label's value cannot break the line", "[control][metrics]") {
  MetricsPage page;
  page.gauge("cenote_feed_entries", "Entries.", 1, {{"feed", "a\"\n\\b"}});
  CHECK_THAT(page.text(), Catch::Contains(R"({feed="a\"\n\\b"} 1)"));
}

}  // namespace cenote::metrics_test
