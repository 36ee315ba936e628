#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::adblock_test {
using cenote::test::read_feed;

TEST_CASE("A rule about a whole host blocks it with everything below") {
  CHECK(read_feed("adblock", "||evil.example^\n||*.bad.example^\n") == "S evil.example, S bad.example");
  CHECK(read_feed("adblock",
                  "||evil.example^$important\n||evil.example^$all,document\n||evil.example^$doc\n") ==
        "S evil.example, S evil.example, S evil.example");
  CHECK(read_feed("adblock", "||evil.example^ # why\n") == "S evil.example");
  CHECK(read_feed("adblock", "||8.8.4.4^\n8.8.4.4\n") == "I 8.8.4.4, I 8.8.4.4");
  CHECK(read_feed("adblock", "@@||good.example^\n@@||good.example^$important\n") ==
        "A good.example, A good.example");
}

TEST_CASE("A bare name is that name, a hosts line is a hosts line") {
  CHECK(read_feed("adblock", "evil.example\n0.0.0.0 bad.example\n") == "E evil.example, E bad.example");
  CHECK(read_feed("adblock", "203.0.113.1 bank.example\n") == "! hosts_redirect");
}

TEST_CASE("Comments and headers are nothing") {
  CHECK(read_feed("adblock", "[Adblock Plus 2.0]\n! Title: x\n# remark\n\n") == "");
}

TEST_CASE("A rule that needs more than a host is refused, never widened") {
  struct Row {
    const char* rule;
    const char* outcome;
  };
  for (const Row& row : {Row{"||evil.example/path$all", "! url_path_rule"},
                         Row{"||evil.example^/path", "! url_path_rule"},
                         Row{"||evil.example", "! missing_separator"},
                         Row{"||evil.example$important", "! missing_separator"},
                         Row{"||evil.example^$third-party", "! unsupported_modifier"},
                         Row{"||evil.example^$badfilter", "! unsupported_modifier"},
                         Row{"||evil.example^$important,dnsrewrite=1.2.3.4", "! unsupported_modifier"},
                         Row{"||evil.example^$", "! unsupported_modifier"},
                         Row{"||evil.example^|", "! unsupported_rule"},
                         Row{"|https://evil.example^", "! unsupported_rule"},
                         Row{"evil.example##.ad", "! cosmetic"},
                         Row{"##.ad", "! cosmetic"},
                         Row{"a.example#@#.ad", "! cosmetic"},
                         Row{"a.example#?#.ad", "! cosmetic"},
                         Row{"/ev[il]+/", "! unsupported_pattern"},
                         Row{"/ev[il]+/$script", "! unsupported_pattern"},
                         Row{"||ev*l.example^", "! unsupported_pattern"},
                         Row{"@@good.example", "! unsupported_rule"},
                         Row{"&ad_box=", "! unsupported_rule"},
                         Row{"||^", "! empty"},
                         Row{"||com^", "! single_label"},
                         Row{"||com.br^", "! icann_suffix"}}) {
    CAPTURE(row.rule);
    CHECK(read_feed("adblock", row.rule) == row.outcome);
  }
}

}  // namespace cenote::adblock_test
