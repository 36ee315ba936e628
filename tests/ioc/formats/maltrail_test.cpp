#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::maltrail_test {
using cenote::test::read_feed;

TEST_CASE("A trail's name means everything below, a port says nothing") {
  CHECK(read_feed("maltrail", "# Reference: https://a.example/\nEvil.example\nbad.example:8080\n") ==
        "S evil.example, S bad.example");
  CHECK(read_feed("maltrail", "8.8.4.4\n8.8.4.4:443\n8.8.4.0/24\n8.8.4.4:443:80\n2606:4700::1111\n") ==
        "I 8.8.4.4, I 8.8.4.4, I 8.8.4.0/24, I 8.8.4.4, I 2606:4700::1111");
  CHECK(read_feed("maltrail", "http://8.8.4.4\nhttp://evil.example\n") == "I 8.8.4.4, S evil.example");
}

TEST_CASE("A trail with a path is no host") {
  for (const char* path : {"evil.example/gate.php", "/gate.php", "http://evil.example/x", "8.8.4.4/x",
                           "8.8.4.4:80/24x", "8.8.4.4/"}) {
    CAPTURE(path);
    CHECK(read_feed("maltrail", path) == "! url_path");
  }
  CHECK(read_feed("maltrail", "evil[0-9]+\\.example\n") == "! unsupported_pattern");
  CHECK(read_feed("maltrail", "duckdns.org\n") == "? S duckdns.org private_suffix");
}

}  // namespace cenote::maltrail_test
