#include "ioc/formats/stix_pattern.h"

#include <string>

#include <catch2/catch.hpp>

namespace cenote::stix_pattern_test {
namespace {

// The values of the terms, or the reason.
std::string terms(std::string_view pattern) {
  std::vector<StixTerm> found;
  const Reason reason = read_stix_pattern(pattern, found);
  if (reason != Reason::kNone) {
    return "! " + std::string(to_text(reason));
  }
  std::string text;
  for (const StixTerm& term : found) {
    text += (text.empty() ? "" : " ") + std::string(term.below ? "%." : "") + term.value;
  }
  return text;
}

}  // namespace

TEST_CASE("Terms about the network are read, joined by OR") {
  CHECK(terms("[domain-name:value = 'evil.example']") == "evil.example");
  CHECK(terms("[domain-name:value='evil.example']") == "evil.example");
  CHECK(terms("[hostname:value = 'evil.example']") == "evil.example");
  CHECK(terms("[domain-name:value = 'a' OR ipv4-addr:value = 'b']") == "a b");
  CHECK(terms("[url:value = 'a'] OR [ipv6-addr:value = 'b']") == "a b");
  CHECK(terms("([url:value = 'a']) OR ([url:value = 'b'] OR [url:value = 'c'])") == "a b c");
  CHECK(terms("[(domain-name:value = 'a' OR (url:value = 'b'))]") == "a b");
  CHECK(terms("[domain-name:value IN ('a', 'b','c')]") == "a b c");
  CHECK(terms("[domain-name:value IN('a')]") == "a");
  CHECK(terms("[domain-name:value LIKE '%.evil.example']") == "%.evil.example");
  CHECK(terms("[ipv4-addr:value ISSUBSET '8.8.4.0/24']") == "8.8.4.0/24");
  CHECK(terms("[network-traffic:dst_ref.value = '8.8.4.4']") == "8.8.4.4");
  CHECK(terms("[url:value = 'it\\'s \\\\ fine']") == "it's \\ fine");
}

TEST_CASE("In an OR the terms that are not of the network are dropped") {
  CHECK(terms("[file:hashes.'SHA-256' = '00' OR domain-name:value = 'a']") == "a");
  CHECK(terms("[domain-name:value = 'a'] OR [file:name MATCHES '^b' OR file:size > 5]") == "a");
  CHECK(terms("[x:y.z[*].'q r'[0].w = h'00' OR domain-name:value = 'a']") == "a");
  CHECK(terms("[file:name = 'a']") == "! no_network_ioc");
  CHECK(terms("[domain-name:resolves_to_refs[*].value = '8.8.4.4']") == "! no_network_ioc");
}

TEST_CASE("What means more than any of these is refused, never weakened") {
  struct Row {
    const char* pattern;
    const char* outcome;
  };
  for (const Row& row : {
           Row{"[domain-name:value = 'a' AND file:name = 'b']", "! pattern_conjunction"},
           Row{"[domain-name:value = 'a'] AND [domain-name:value = 'b']", "! pattern_conjunction"},
           Row{"[domain-name:value = 'c'] OR ([domain-name:value = 'a'] AND [url:value = 'b'])",
               "! pattern_conjunction"},
           Row{"[domain-name:value = 'a'] FOLLOWEDBY [domain-name:value = 'b']", "! pattern_followedby"},
           Row{"[domain-name:value != 'a']", "! pattern_negation"},
           Row{"[domain-name:value NOT = 'a']", "! pattern_negation"},
           Row{"[domain-name:value NOT IN ('a')]", "! pattern_negation"},
           Row{"[domain-name:value MATCHES 'a.*']", "! pattern_matches"},
           Row{"[domain-name:value LIKE 'a%']", "! pattern_like"},
           Row{"[domain-name:value LIKE '%.a_b.example']", "! pattern_like"},
           Row{"[domain-name:value LIKE '%evil.example']", "! pattern_like"},
           Row{"[url:value LIKE '%.evil.example']", "! pattern_like"},
           Row{"[ipv4-addr:value > '8.8.4.4']", "! pattern_compare"},
           Row{"[ipv4-addr:value ISSUPERSET '8.8.4.4']", "! pattern_compare"},
           Row{"[domain-name:value = 'a'] WITHIN 300 SECONDS", "! pattern_qualifier"},
           Row{"[domain-name:value = 'a'] REPEATS 5 TIMES WITHIN 10 SECONDS", "! pattern_qualifier"},
           Row{"[domain-name:value = 'a'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
               "! pattern_qualifier"},
       }) {
    CAPTURE(row.pattern);
    CHECK(terms(row.pattern) == row.outcome);
  }
}

TEST_CASE("Broken patterns are refused") {
  for (const char* broken :
       {"", "[", "[]", "domain-name:value = 'a'", "[domain-name:value = 'a'", "[domain-name:value = 'a' OR]",
        "[domain-name:value = a'b']", "[domain-name:value = 'a\\n']", "[domain-name:value 'a']",
        "[domain-name:value = 'a']]", "[domain-name:value ~ 'a']", "[domain-name:value IN 'a']",
        "[domain-name:value = ('a')]", "([domain-name:value = 'a']", "[value = 'a']"}) {
    CAPTURE(broken);
    CHECK(terms(broken) == "! pattern_syntax");
  }
}

TEST_CASE("Length and depth of a pattern are bounded") {
  const auto nested = [](size_t depth) {
    return "[" + std::string(depth, '(') + "domain-name:value = 'a'" + std::string(depth, ')') + "]";
  };
  CHECK(terms(nested(64)) == "a");
  CHECK(terms(nested(65)) == "! pattern_depth");
  CHECK(terms(std::string(200'000, '(')) == "! pattern_depth");
  CHECK(terms("[domain-name:value = '" + std::string(kMaxPatternBytes, 'a') + "']") == "! pattern_too_long");
}

}  // namespace cenote::stix_pattern_test
