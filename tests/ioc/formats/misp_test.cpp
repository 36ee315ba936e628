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

TEST_CASE("What an attribute belongs to is told by galaxy tags, its own first, or by the event's title") {
  class Sink final : public FeedSink {
   public:
    void accept(const Indicator& i, uint64_t) override {
      text += "<" + std::string(i.threat) + "|" + std::string(i.note) + ">";
    }
    void hold(const Indicator&, uint64_t, std::string_view) override { FAIL(); }
    void reject(const Reject&) override { FAIL(); }
    std::string text;
  };
  const auto tags = [](const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
      list += (list.empty() ? "" : ",") + (R"({"name": ")" + name + R"("})");
    }
    return R"("Tag": [)" + list + "]";
  };
  const auto galaxy = [](const std::string& type, const std::string& name) {
    return "misp-galaxy:" + type + R"(=\")" + name + R"(\")";
  };
  const auto read = [&](const std::vector<std::string>& of_event, const std::vector<std::string>& own,
                        const std::string& comment = "") {
    Sink sink;
    ParseOptions options;
    options.format = "misp";
    const std::string one = attribute("domain", "evil.example",
                                      R"("to_ids": true, "comment": ")" + comment + R"(", )" + tags(own));
    REQUIRE(
        parse_feed(R"({"Event": {"info": "Title", )" + tags(of_event) + R"(, "Attribute": [)" + one + "]}}",
                   options, sink));
    return sink.text;
  };
  CHECK(read({}, {}) == "<Title|>");
  CHECK(read({"tlp:white", "osint:source-type=\\\"blog-post\\\""}, {"misp-galaxy:tool"}, "dropper") ==
        "<Title|dropper>");
  CHECK(read({galaxy("threat-actor", "Example Bear")}, {}) == "<Example Bear|Title>");
  CHECK(read({galaxy("mitre-intrusion-set", "Example Bear - G0099"), galaxy("tool", "X-Door"),
              galaxy("mitre-malware", "XTunnel - S0117")},
             {}, "c2") == "<X-Door, XTunnel|c2>");
  CHECK(read({galaxy("tool", "X-Door")}, {galaxy("malpedia", "Own - S2")}) == "<Own - S2|Title>");
  CHECK(read({galaxy("mitre-attack-pattern", "Rundll32 - T1085")}, {}) == "<Title|>");
  CHECK(read({"misp-galaxy:tool=\\\"", "misp-galaxy:tool=\\\"\\\""}, {}) == "<Title|>");
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
