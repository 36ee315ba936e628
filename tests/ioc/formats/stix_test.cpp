#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::stix_test {
using cenote::test::read_feed;

namespace {

std::string indicator(std::string_view pattern, std::string_view more = R"("id": "indicator--1")") {
  return R"({"type": "indicator", "pattern_type": "stix", "pattern": ")" + std::string(pattern) + R"(", )" +
         std::string(more) + "}";
}
std::string bundle(const std::string& objects) {
  return R"({"type": "bundle", "id": "bundle--1", "objects": [)" + objects + "]}";
}
const std::string kEvil = "[domain-name:value = 'evil.example']";

}  // namespace

TEST_CASE("Indicators of bundles, arrays and TAXII envelopes are read") {
  CHECK(read_feed("stix", bundle(indicator(kEvil))) == "E evil.example");
  CHECK(read_feed("stix", "[" + indicator(kEvil) + "]") == "E evil.example");
  CHECK(read_feed("taxii", R"({"more": true, "next": "2", "objects": [)" + indicator(kEvil) + "]}") ==
        "E evil.example");
  CHECK(read_feed("taxii", R"({"more": false})") == "");
  CHECK(read_feed("stix", bundle(indicator("[domain-name:value LIKE '%.evil.example']"))) ==
        "W evil.example");
  CHECK(read_feed("stix", bundle(indicator("[domain-name:value = '8.8.4.4']"))) == "I 8.8.4.4");
  CHECK(read_feed("stix", bundle(indicator("[url:value = 'evil.example/x']"))) == "E evil.example");
  CHECK(read_feed("stix",
                  bundle(indicator("[ipv4-addr:value = '8.8.4.0/24' OR ipv4-addr:value = '10.0.0.1']"))) ==
        "I 8.8.4.0/24, ! ip_not_global");
}

TEST_CASE("Observables, other languages and withdrawn indicators do not block") {
  CHECK(read_feed("stix",
                  bundle(R"({"type": "domain-name", "id": "domain-name--1", "value": "seen.example"})")) ==
        "");
  CHECK(
      read_feed("stix", bundle(R"({"type": "indicator", "pattern_type": "yara", "pattern": "rule x {}"})")) ==
      "! pattern_type");
  CHECK(read_feed("stix", bundle(indicator(kEvil, R"("id": "indicator--1", "revoked": true)"))) ==
        "! revoked");
  CHECK(read_feed("stix", bundle(indicator("[domain-name:value = 'a.example' AND file:name = 'b']"))) ==
        "! pattern_conjunction");
}

TEST_CASE("Of several versions only the newest counts, wherever it stands") {
  const std::string old_one = indicator("[domain-name:value = 'old.example']",
                                        R"("id": "indicator--1", "modified": "2026-01-01T00:00:00.12Z")");
  const std::string new_one = indicator("[domain-name:value = 'new.example']",
                                        R"("id": "indicator--1", "modified": "2026-01-01T00:00:00.123Z")");
  const std::string revoked =
      indicator(kEvil, R"("id": "indicator--1", "modified": "2026-02-01T00:00:00Z", "revoked": true)");
  CHECK(read_feed("stix", bundle(old_one + "," + new_one)) == "! superseded, E new.example");
  CHECK(read_feed("stix", bundle(new_one + "," + old_one)) == "E new.example, ! superseded");
  CHECK(read_feed("stix", bundle(new_one + "," + revoked)) == "! superseded, ! revoked");
}

TEST_CASE("An indicator keeps its times, confidence and reference") {
  struct Details : cenote::test::OutcomeSink {
    void accept(const cenote::Indicator& i, uint64_t line) override {
      OutcomeSink::accept(i, line);
      text += " " + std::string(i.threat) + "/" + std::to_string(i.confidence) + "/" +
              std::string(i.reference) + "/" + (i.valid_until ? cenote::to_rfc3339(*i.valid_until) : "-");
    }
  } sink;
  const cenote::ParseOptions options{.format = "stix"};
  REQUIRE(parse_feed(bundle(indicator(kEvil, R"("id": "indicator--1", "name": "Evil RAT", "confidence": 70,
      "valid_until": "2020-01-01T00:00:00Z", "external_references": [{"source_name": "x"}, {"url": "https://r.example/"}])")),
                     options, sink));
  CHECK(sink.text == "E evil.example Evil RAT/70/https://r.example//2020-01-01T00:00:00.000Z");
}

TEST_CASE("What an indicator indicates is its threat, wherever the relationship stands") {
  struct Threats : cenote::test::OutcomeSink {
    void accept(const cenote::Indicator& i, uint64_t line) override {
      OutcomeSink::accept(i, line);
      text += " <" + std::string(i.threat) + "|" + std::string(i.note) + ">";
    }
  };
  const auto object = [](const std::string& type, const std::string& name) {
    return R"({"type": ")" + type + R"(", "id": ")" + type + R"(--1", "name": ")" + name + R"("})";
  };
  const auto relates = [](const std::string& target, const std::string& more = "") {
    return R"({"type": "relationship", "relationship_type": "indicates", "source_ref": "indicator--1",
               "target_ref": ")" +
           target + "--1\"" + more + "}";
  };
  const auto read = [](const std::vector<std::string>& objects) {
    Threats sink;
    std::string all;
    for (const std::string& each : objects) {
      all += (all.empty() ? "" : ",") + each;
    }
    REQUIRE(parse_feed(bundle(all), cenote::ParseOptions{.format = "stix"}, sink));
    return sink.text;
  };
  const std::string evil = indicator(kEvil, R"("id": "indicator--1", "name": "a host of theirs")");
  const std::string malware = object("malware", "Example RAT");
  CHECK(read({evil, relates("malware"), malware}) == "E evil.example <Example RAT|a host of theirs>");
  CHECK(read({malware, relates("malware"), evil}) == "E evil.example <Example RAT|a host of theirs>");
  CHECK(read({evil, malware, object("threat-actor", "Example Bear"), relates("threat-actor"),
              relates("malware")}) == "E evil.example <Example RAT, Example Bear|a host of theirs>");
  CHECK(read({evil, object("campaign", "Operation Example"), relates("campaign")}) ==
        "E evil.example <Operation Example|a host of theirs>");
  const std::string unsaid = "E evil.example <a host of theirs|>";
  CHECK(read({evil, malware}) == unsaid);
  CHECK(read({evil, malware, relates("malware", R"(, "revoked": true)")}) == unsaid);
  CHECK(read({evil, object("attack-pattern", "Phishing"), relates("attack-pattern")}) == unsaid);
  CHECK(read({evil, relates("malware")}) == unsaid);  // what it points to is elsewhere
  CHECK(read({indicator(kEvil, R"("labels": ["malicious-activity", "ransomware", 7, "tlp:green"])")}) ==
        "E evil.example <|ransomware, tlp:green>");
}

TEST_CASE("What its author calls benign does not block") {
  CHECK(read_feed("stix", bundle(indicator(kEvil, R"("indicator_types": ["benign"])"))) == "! benign");
  CHECK(read_feed("stix", bundle(indicator(kEvil, R"("labels": ["benign", "compromised"])"))) ==
        "E evil.example");
}

TEST_CASE("A broken bundle is refused whole") {
  CHECK(read_feed("stix", bundle(indicator(kEvil)).substr(0, 60)) == "refused: json_syntax");
  CHECK(read_feed("stix", "7") == "refused: stix");
}

}  // namespace cenote::stix_test
