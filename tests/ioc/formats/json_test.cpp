#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::json_test {
using cenote::test::read_feed;

TEST_CASE("deny means everything below, allow takes nothing away but shows") {
  CHECK(read_feed(
            "json",
            R"({"allow": ["good.example"], "deny": ["evil.example", "github.io", "8.8.4.4", "co.uk"]})") ==
        "A good.example, S evil.example, ? S github.io private_suffix, I 8.8.4.4, ! icann_suffix");
}

TEST_CASE("Arrays of texts and of objects give their indicators") {
  CHECK(read_feed("json", R"(["evil.example", "http://bad.example/x", 5])") ==
        "E evil.example, E bad.example, ! not_network");
  CHECK(read_feed("json", R"([{"ip_address": "8.8.4.4", "port": 443}])") == "I 8.8.4.4");
  CHECK(read_feed("json", R"({"1": [{"ioc_value": "8.8.4.4:443", "ioc_type": "ip:port"}],
                              "2": [{"ioc_value": "a.example", "ioc_type": "domain"}],
                              "3": [{"ioc_value": "00ff", "ioc_type": "md5_hash"}]})") ==
        "I 8.8.4.4, E a.example, ! not_network");
  CHECK(read_feed("json", R"({"version": 1, "unknown": ["x.example"]})") == "! unsupported_rule");
}

TEST_CASE("A document that two readers may read in two ways is refused whole") {
  CHECK(read_feed("json", R"(["evil.example")") == "refused: json_syntax");
  CHECK(read_feed("json", R"(["evil.example"] x)") == "refused: json_syntax");
  CHECK(read_feed("json", R"(["evil.example", tru])") == "refused: json_syntax");
  CHECK(read_feed("json", R"(["\uD800"])") == "refused: json_syntax");
  CHECK(read_feed("json", "[\"ev\xFFil.example\"]") == "refused: json_syntax");
  CHECK(read_feed("json", R"({"deny": ["a.example"], "deny": []})") == "refused: json_duplicate_key");
  CHECK(read_feed("json", R"({"deny": ["a.example"], "x": {"k": 1, "\u006b": 2}})") ==
        "refused: json_duplicate_key");
  CHECK(read_feed("json", R"("evil.example")") == "refused: json");
}

TEST_CASE("Sixty-four levels are deep enough") {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(read_feed("json", nested(64)) == "! not_network");
  CHECK(read_feed("json", nested(65)) == "refused: json_depth");
  CHECK(read_feed("json", nested(66)) == "refused: json_depth");
  CHECK(read_feed("json", nested(100'000)) == "refused: json_depth");
}

}  // namespace cenote::json_test
