#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::plain_test {
using cenote::test::read_feed;

TEST_CASE("A plain list takes names, addresses and the hosts of URLs, each exactly") {
  CHECK(read_feed("plain", "Evil.Example.\n") == "E evil.example");
  CHECK(read_feed("plain", "  evil.example  # why\n") == "E evil.example");
  CHECK(read_feed("plain", "evil.example#why\n") == "E evil.example");
  CHECK(read_feed("plain", "8.8.4.4\n[2606:4700::1111]:53\n8.8.4.0/24\n") ==
        "I 8.8.4.4, I 2606:4700::1111, I 8.8.4.0/24");
  CHECK(read_feed("plain", "8.8.4.4:8080\n10.0.0.1\n8.8.4.1/24\n") ==
        "I 8.8.4.4, ! ip_not_global, ! cidr_host_bits");
  CHECK(read_feed("plain", "http://user@evil.example:8080/a?b\n") == "E evil.example");
  CHECK(read_feed("plain", "http://8.8.4.4/x\n") == "I 8.8.4.4");
  CHECK(read_feed("plain", "evil.example:8080\nevil.example/x#y\n") == "E evil.example, E evil.example");
  CHECK(read_feed("plain", "hxxps://evil[.]example/\nevil(dot)example\n") ==
        "E evil.example, E evil.example");
}

TEST_CASE("Of patterns only a leading star or dot is understood, as the name and all below it") {
  CHECK(read_feed("plain", "*.evil.example\n.bad.example\n") == "S evil.example, S bad.example");
  for (const char* pattern : {"ads.*", "*evil*", "*.*.evil.example", "ev?l.example", "/^evil/",
                              "ev[il].example", "x*.evil.example"}) {
    CAPTURE(pattern);
    CHECK(read_feed("plain", pattern) == "! unsupported_pattern");
  }
  for (const char* root : {".", "*", "*."}) {
    CHECK(read_feed("plain", root) == "! root");
  }
  CHECK(read_feed("plain", "*.com\n*.co.uk\n") == "! single_label, ! icann_suffix");
}

TEST_CASE("Two items on a plain line are no item") {
  CHECK(read_feed("plain", "evil.example bad.example\n") == "! bad_char");
  CHECK(read_feed("plain", "evil.example,bad.example\n") == "! bad_char");
  CHECK(read_feed("plain", "someone@evil.example\n") == "! bad_char");
}

TEST_CASE("A wildcard list means everything below, star or not") {
  CHECK(read_feed("wildcard", "evil.example\n*.bad.example\n") == "S evil.example, S bad.example");
  CHECK(read_feed("wildcard", "evil.github.io\ngithub.io\n") ==
        "S evil.github.io, ? S github.io private_suffix");
}

TEST_CASE("A URL list gives hosts, with or without a scheme") {
  CHECK(read_feed("url", "https://evil.example/a#b\nftp://files.example\n") ==
        "E evil.example, E files.example");
  CHECK(read_feed("url", "bad.example/%3fx=1\nbad.example?x=1\n") == "E bad.example, E bad.example");
  CHECK(read_feed("url", "http://\nhttp://evil.example:port/\n") == "! bad_url, ! bad_url");
  CHECK(read_feed("url", "http://evil.example/\n", {{"scope", "suffix"}}) == "S evil.example");
}

}  // namespace cenote::plain_test
