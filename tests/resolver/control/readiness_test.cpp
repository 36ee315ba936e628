#include "resolver/control/readiness.h"

#include <catch2/catch.hpp>

namespace cenote::readiness_test {
namespace {

const WallTime kNow = WallTime(seconds{1'795'348'800});

FeedStatus feed(const std::string& source, std::optional<seconds> ago, const std::string& error = "") {
  FeedStatus status;
  status.name = "f";
  status.source = source;
  status.refresh = std::chrono::minutes{15};
  if (ago) {
    status.last_success = kNow - *ago;
  }
  status.last_error = error;
  return status;
}

std::string why(const FeedStatus& status) {
  const auto stale = stale_feeds({status}, kNow);
  return stale.empty() ? "" : stale.front().why;
}

}  // namespace

TEST_CASE("a feed is stale when it never came, or has missed three of its intervals",
          "[control][readiness]") {
  CHECK(why(feed("https://a.test/x", seconds{60})).empty());
  CHECK(why(feed("https://a.test/x", std::chrono::minutes{45}, "HTTP status 500")).empty());
  CHECK(why(feed("https://a.test/x", std::chrono::minutes{46}, "HTTP status 500")) ==
        "last came 46m ago, and is due every 15m: HTTP status 500");
  CHECK(why(feed("https://a.test/x", {})) == "never came");
  CHECK(why(feed("https://a.test/x", {}, "HTTP status 404")) == "never came: HTTP status 404");
}

TEST_CASE("a file that stays the same is not old, one that cannot be read is", "[control][readiness]") {
  CHECK(why(feed("file:/x", std::chrono::hours{9000})).empty());
  CHECK(why(feed("file:/x", std::chrono::hours{9000}, "Permission denied")) == "Permission denied");
  CHECK(why(feed("file:/x", {}, "No such file")) == "never came: No such file");
}

TEST_CASE("what is pushed is never late", "[control][readiness]") {
  CHECK(why(feed("push", {})).empty());
  CHECK(why(feed("push", std::chrono::hours{9000})).empty());
}

}  // namespace cenote::readiness_test
