#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::misp_test {
using cenote::test::read_feed;

namespace {

std::string attribute(std::string_view type, std::string_view value,
                      std::string_view more = R"("to_ids": true)") {
  return R"({"type": ")" + std::string(type) + R"(", "value": ")" + std::string(value) + R"(", )" +
         std::string(more) + "}";
}
std::string event(const std::string& attributes) {
  return R"({"Event": {"info": "x", "Attribute": [)" + attributes + "]}}";
}

}  // namespace

TEST_CASE("A domain is meant with all below it, a hostname is not") {
  CHECK(read_feed("misp", event(attribute("domain", "evil.example") + "," +
                                attribute("hostname", "www.bad.example"))) ==
        "S evil.example, E www.bad.example");
  CHECK(read_feed("misp", event(attribute("domain|ip", "evil.example|8.8.4.4"))) ==
        "S evil.example, I 8.8.4.4");
  CHECK(read_feed("misp", event(attribute("hostname|port", "evil.example|80") + "," +
                                attribute("ip-dst|port", "8.8.4.4|80"))) == "E evil.example, I 8.8.4.4");
  CHECK(read_feed("misp", event(attribute("url", "http://evil.example/x") + "," +
                                attribute("uri", "bad.example/y"))) == "E evil.example, E bad.example");
  CHECK(read_feed("misp", event(attribute("ip-dst", "8.8.4.0/24"))) == "I 8.8.4.0/24");
}

TEST_CASE("Only what somebody flagged blocks, unless the feed says all") {
  const std::string off = event(attribute("domain", "evil.example", R"("to_ids": false)"));
  CHECK(read_feed("misp", off) == "! not_to_ids");
  CHECK(read_feed("misp", off, {{"all_ids", "yes"}}) == "S evil.example");
  CHECK(read_feed("misp", event(attribute("domain", "evil.example", R"("to_ids": 1)"))) == "S evil.example");
  CHECK(read_feed("misp", event(attribute("domain", "evil.example", R"("to_ids": "1")"))) ==
        "S evil.example");
  CHECK(read_feed("misp", event(attribute("domain", "evil.example", R"("to_ids": "0")"))) == "! not_to_ids");
  CHECK(read_feed("misp", event(attribute("domain", "evil.example", R"("to_ids": true, "deleted": true)"))) ==
        "");
  CHECK(read_feed("misp", event(attribute("ip-src", "8.8.4.4") + "," + attribute("md5", "00"))) ==
        "! ip_src, ! not_network");
}

TEST_CASE("Attributes are found alone, in objects, and in lists of events") {
  const std::string one = attribute("hostname", "evil.example");
  CHECK(read_feed("misp", R"({"Attribute": [)" + one + "]}") == "E evil.example");
  CHECK(read_feed("misp", R"({"Object": [{"Attribute": [)" + one + "]}]}") == "E evil.example");
  CHECK(read_feed("misp", R"({"Object": [{"deleted": true, "Attribute": [)" + one + "]}]}") == "");
  CHECK(read_feed("misp", R"({"response": [)" + event(one) + "," + event(one) + "]}") ==
        "E evil.example, E evil.example");
  CHECK(read_feed("misp", "[" + event(one) + "]") == "E evil.example");
}

}  // namespace cenote::misp_test
