#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::rpz_test {
using cenote::test::read_feed;

namespace {

const std::string kHead =
    "$TTL 60\n@ IN SOA localhost. root.localhost. ( 1 ; serial\n 3600 600\n 86400 60 )\n IN NS localhost.\n";

std::string rpz(const std::string& lines) {
  return read_feed("rpz", kHead + lines);
}

}  // namespace

TEST_CASE("A policy record blocks its name, a wildcard what is below") {
  CHECK(rpz("evil.example CNAME .\n*.bad.example CNAME .\n") == "E evil.example, W bad.example");
  CHECK(rpz("Evil.Example 300 IN CNAME . ; why\n") == "E evil.example");
  CHECK(rpz("a.example A 0.0.0.0\nb.example AAAA ::\nc.example TXT \"a;b\"\nd.example MX 10 x.\ne.example "
            "CNAME page.corp.example.\n") ==
        "E a.example, E b.example, E c.example, E d.example, E e.example");
  CHECK(rpz("evil.example (\n CNAME\n . )\n") == "E evil.example");
  CHECK(rpz("evil[.]example CNAME .\n") == "E evil.example");
  CHECK(rpz("8.8.4.4 CNAME .\n") == "I 8.8.4.4");
}

TEST_CASE("NODATA and drop are the format's own word, NXDOMAIN leaves it to the feed") {
  struct Actions : cenote::test::OutcomeSink {
    void accept(const cenote::Indicator& indicator, uint64_t line) override {
      OutcomeSink::accept(indicator, line);
      text += indicator.action ? " " + std::string(to_text(*indicator.action)) : "";
    }
  } sink;
  const cenote::ParseOptions options{.format = "rpz"};
  REQUIRE(parse_feed("a.example CNAME .\nb.example CNAME *.\nc.example CNAME rpz-drop.\n", options, sink));
  CHECK(sink.text == "E a.example, E b.example nodata, E c.example drop");
}

TEST_CASE("Passthru allows, in its form of today and of before") {
  CHECK(rpz("good.example CNAME rpz-passthru.\ngood.example CNAME good.example.\n*.fine.example CNAME "
            "*.fine.example.\n") == "A good.example, A good.example, A fine.example");
}

TEST_CASE("Actions and triggers that DNS blocking cannot honour are refused") {
  CHECK(rpz("a.example CNAME rpz-tcp-only.\na.example CNAME rpz-explode.\n") ==
        "! unsupported_action, ! bad_action");
  CHECK(rpz("32.4.4.8.8.rpz-client-ip CNAME .\nns.evil.example.rpz-nsdname CNAME .\n24.0.4.8.8.rpz-nsip "
            "CNAME .\n") == "! unsupported_trigger, ! unsupported_trigger, ! unsupported_trigger");
}

TEST_CASE("rpz-ip spells addresses backwards") {
  CHECK(rpz("32.4.4.8.8.rpz-ip CNAME .\n24.0.4.8.8.rpz-ip CNAME .\n") == "I 8.8.4.4, I 8.8.4.0/24");
  CHECK(rpz("128.1111.zz.4700.2606.rpz-ip CNAME .\n32.zz.4700.2606.rpz-ip CNAME .\n") ==
        "I 2606:4700::1111, I 2606:4700::/32");
  CHECK(rpz("24.1.4.8.8.rpz-ip CNAME .\nx.rpz-ip CNAME .\n8.0.0.10.rpz-ip CNAME .\n") ==
        "! cidr_host_bits, ! weird_ip, ! weird_ip");
}

TEST_CASE("Names are taken relative to the zone, others are out of it") {
  const std::string lines = "evil.example CNAME .\nbad.example.rpz.test. CNAME .\nworse.example. CNAME .\n";
  CHECK(read_feed("rpz", lines, {{"origin", "rpz.test"}}) == "E evil.example, E bad.example, ! out_of_zone");
  CHECK(read_feed("rpz", "$ORIGIN rpz.test.\n" + lines) == "E evil.example, E bad.example, ! out_of_zone");
  CHECK(read_feed("rpz", "rpz.test. 60 IN SOA a. b. 1 2 3 4 5\n" + lines) ==
        "E evil.example, E bad.example, ! out_of_zone");
  CHECK(read_feed("rpz", "$ORIGIN rpz.test.\n$ORIGIN example\nevil CNAME .\n") == "E evil.example");
  CHECK(read_feed("rpz", "@ CNAME .\n", {{"origin", "rpz.test"}}) == "! root");
  CHECK(read_feed("rpz", "evil.example. CNAME .\n") == "E evil.example");
}

TEST_CASE("No directive reads a file or makes names") {
  CHECK(rpz("$INCLUDE /etc/passwd\n$include x\n$GENERATE 1-1000000 a$ CNAME .\nevil.example CNAME .\n") ==
        "! include_refused, ! include_refused, ! generate_refused, E evil.example");
  CHECK(rpz("$UNKNOWN x\n") == "! bad_record");
}

TEST_CASE("A record that cannot be read is refused alone") {
  CHECK(rpz("evil.example\nevil.example CNAME\nev il.example CNAME .\nok.example CNAME .\n") ==
        "! bad_record, ! bad_record, ! bad_record, E ok.example");
  CHECK(rpz("evil.example ( CNAME .\n") == "! bad_record");
  CHECK(rpz("* CNAME .\n") == "! root");
}

TEST_CASE("a plain CNAME line means the same as one that only the record parser reads", "[formats][rpz]") {
  const std::vector<std::string> records{"evil.example CNAME .",
                                         "evil.example. CNAME .",
                                         "EVIL.example\t60\tIN\tCNAME\t.",
                                         "evil.example IN 60 CNAME *.",
                                         "*.evil.example cname rpz-drop.",
                                         "evil.example CNAME rpz-passthru.",
                                         "evil.example CNAME evil.example",
                                         "evil.example CNAME evil.example.",
                                         "evil.example CNAME rpz-unknown.",
                                         "evil.example CNAME garden.example.",
                                         "24.0.2.0.198.rpz-ip CNAME .",
                                         "24.0.51.20.rpz-nsip CNAME .",
                                         "evil.example CNAME",
                                         "evil.example CNAME . extra",
                                         "evil.example 60 60 CNAME .",
                                         "evil..example CNAME .",
                                         "7 CNAME .",
                                         "evil.example A 192.0.2.1",
                                         "evil.example 1h CNAME .",
                                         std::string(64, 'x') + ".example CNAME ."};
  for (const std::string& origin : {std::string(), std::string("$ORIGIN rpz.example.\n")}) {
    for (const std::string& record : records) {
      CAPTURE(origin, record);
      // In parentheses the rest of the line goes the long way.
      const size_t blank = record.find_first_of(" \t");
      const std::string long_way = record.substr(0, blank) + " (" + record.substr(blank) + " )";
      CHECK(read_feed("rpz", origin + record + "\n") == read_feed("rpz", origin + long_way + "\n"));
    }
  }
}

TEST_CASE("a blank in front repeats the owner, whoever read it", "[formats][rpz]") {
  CHECK(read_feed("rpz", "$ORIGIN rpz.example.\nevil.example CNAME .\n  A 192.0.2.1\n") ==
        "E evil.example, E evil.example");
  CHECK(read_feed("rpz", "one.example A 192.0.2.1\ntwo.example CNAME .\n TXT x\n\tCNAME .\n") ==
        "E one.example, E two.example, E two.example, E two.example");
}

}  // namespace cenote::rpz_test
