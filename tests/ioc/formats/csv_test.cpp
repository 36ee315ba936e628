#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::csv_test {
using cenote::test::read_feed;

TEST_CASE("The indicator's column is found by the header") {
  CHECK(read_feed("csv", "Domain,Malware\nevil.example,x\nbad.example,y\n") ==
        "E evil.example, E bad.example");
  CHECK(read_feed("csv", "id;name;host\n1;x;evil.example\n") == "E evil.example");
  CHECK(read_feed("csv", "\xEF\xBB\xBFvalue,type\r\nevil.example,hostname\r\n8.8.4.4,ip\r\n") ==
        "E evil.example, I 8.8.4.4");
  CHECK(read_feed("csv", "a,b\nx,evil.example\n", {{"column", "b"}}) == "E evil.example");
  CHECK(read_feed("csv", "x,evil.example\n", {{"column", "2"}, {"header", "no"}}) == "E evil.example");
  CHECK(read_feed("csv", "x y,evil.example\nz,bad.example\n") == "E evil.example, E bad.example");
  CHECK(read_feed("csv", "what,where\nx,evil.example\n", {{"column", "2"}, {"header", "yes"}}) ==
        "E evil.example");
}

TEST_CASE("Quotes hold delimiters, quotes and line ends") {
  CHECK(
      read_feed("csv",
                "url,note\n\"http://evil.example/a,b\",\"say \"\"hi\"\"\nand more\"\n\"bad.example\",x\n") ==
      "E evil.example, E bad.example");
  CHECK(read_feed("csv", "domain,note\n\"evil.example\", \"blank before\"\n") == "E evil.example");
  CHECK(read_feed("csv", "domain,note\nevil.example,5\" disk\nbad.example,x\n") ==
        "E evil.example, E bad.example");
}

TEST_CASE("A quote that stays open costs its row only") {
  CHECK(read_feed("csv", "domain,note\nevil.example,x\nbad.example,\"open\n") ==
        "E evil.example, ! csv_unclosed_quote");
  CHECK(read_feed("csv", "domain\n\"evil\nexample\"\nok.example\n") == "! control_char, E ok.example");
  CHECK(read_feed("csv", "domain,x\n" + std::string(5000, 'a') + ",x\nok.example," + std::string(5000, 'b') +
                             "\n") == "! line_too_long, E ok.example");
  CHECK(read_feed("csv", "domain,x\nok.example,x\nno.example,\"" + std::string(2 << 20, 'b') +
                             "\nlast.example,y\n") == "E ok.example, ! line_too_long, E last.example");
}

TEST_CASE("A row that never ends is given up after a mebibyte") {
  std::string body = "domain,x\nno.example,\"open\n";
  while (body.size() < (1 << 20) + 100) {
    body += "# a line inside the quotes\n";
  }
  CHECK(read_feed("csv", body + "last.example,y\n") == "! line_too_long, E last.example");
}

TEST_CASE("A line of semicolons is a comment, unless they separate") {
  CHECK(read_feed("csv", "; x\ndomain,note\n; y\nevil.example,\n") == "E evil.example");
  CHECK(read_feed("csv", "id;domain\n;evil.example\n") == "E evil.example");
}

TEST_CASE("abuse.ch hides its header in the last comment") {
  const std::string banner = "####\r\n# abuse.ch, a list, of things #\r\n####\r\n#\r\n";
  CHECK(
      read_feed(
          "csv",
          banner +
              "# id,dateadded,url,urlhaus_link\r\n\"1\",\"2026-01-01 00:00:00\",\"http://evil.example/a,b\","
              "\"https://feed.example/1/\"\r\n# Number of entries: 1\r\n") == "E evil.example");
  CHECK(read_feed("csv", banner + "# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\"\r\n"
                                  "\"2026-01-01 00:00:00\", \"1\", \"8.8.4.4:443\", \"ip:port\"\r\n"
                                  "\"2026-01-01 00:00:00\", \"2\", \"00ff\", \"sha256_hash\"\r\n") ==
        "I 8.8.4.4, ! not_network");
}

TEST_CASE("Rows of other types are refused, and only the types that were asked for are taken") {
  const std::string rows =
      "value,entity_type\nevil.example,hostname\ngate.php,file\nwho@evil.example,emailwhois\n8.8.4.4,"
      "ipaddress\n";
  CHECK(read_feed("csv", rows) == "E evil.example, ! not_network, ! not_network, I 8.8.4.4");
  CHECK(read_feed("csv", rows, {{"types", "ipaddress"}}) ==
        "! not_network, ! not_network, ! not_network, I 8.8.4.4");
  CHECK(read_feed("csv", "domain,type\nevil.example,phishing\n") == "E evil.example");
}

TEST_CASE("An entry keeps what the table says about it") {
  struct Details : cenote::test::OutcomeSink {
    void accept(const cenote::Indicator& i, uint64_t line) override {
      OutcomeSink::accept(i, line);
      text += " " + std::string(i.threat) + "/" + std::to_string(i.confidence) + "/" +
              std::string(i.reference) + "/" + std::string(i.source_ref) + "/" +
              (i.first_seen ? cenote::to_rfc3339(*i.first_seen) : "-");
    }
  } sink;
  const cenote::ParseOptions options{.format = "csv"};
  REQUIRE(parse_feed(
      "ioc_id,ioc_value,malware_printable,confidence_level,reference,first_seen_utc\n"
      "7,evil.example,Evil RAT,75,https://r.example/,2026-01-02 03:04:05\n8,bad.example,None,x,None,\n",
      options, sink));
  CHECK(sink.text ==
        "E evil.example Evil RAT/75/https://r.example//7/2026-01-02T03:04:05.000Z, E bad.example /-1//8/-");
}

TEST_CASE("columns are those that the options name, by header or by number") {
  class Sink final : public FeedSink {
   public:
    void accept(const Indicator& i, uint64_t) override {
      text = std::string(i.threat) + "|" + std::string(i.reference) + "|" + std::to_string(i.confidence) +
             "|" + (i.first_seen ? to_rfc3339(*i.first_seen) : "") + "|" +
             (i.valid_until ? to_rfc3339(*i.valid_until) : "") + "|" + std::string(i.note);
    }
    void hold(const Indicator&, uint64_t, std::string_view) override { FAIL(); }
    void reject(const Reject&) override { FAIL(); }
    std::string text;
  };
  const auto read = [](const std::string& body, const std::map<std::string, std::string>& options) {
    Sink sink;
    const auto parsed = read_parse_options("csv", options);
    REQUIRE(parsed);
    REQUIRE(parse_feed(body, *parsed, sink));
    return sink.text;
  };
  const std::string row =
      "evil.example,X,https://a.example/1,70,2026-01-31 12:00:00,2026-02-28T00:00:00Z,why\n";
  const std::string all = "X|https://a.example/1|70|2026-01-31T12:00:00.000Z|2026-02-28T00:00:00.000Z|why";
  CHECK(read("domain,family,link,score,seen,ends,remark\n" + row, {{"threat_column", "Family"},
                                                                   {"reference_column", "link"},
                                                                   {"confidence_column", "score"},
                                                                   {"first_seen_column", "seen"},
                                                                   {"valid_until_column", "ends"},
                                                                   {"note_column", "remark"}}) == all);
  CHECK(read(row, {{"column", "1"},
                   {"threat_column", "2"},
                   {"reference_column", "3"},
                   {"confidence_column", "4"},
                   {"first_seen_column", "5"},
                   {"valid_until_column", "6"},
                   {"note_column", "7"}}) == all);
  // An option goes before the usual name; a number that is none, and an end that is no time, say nothing.
  CHECK(read("domain,malware,family,confidence,ends\nevil.example,no,X,high,soon\n",
             {{"threat_column", "family"}, {"valid_until_column", "ends"}}) == "X||-1|||");
}

TEST_CASE("a simple row means the same as one that needs the whole parser", "[formats][csv]") {
  const std::vector<std::string> rows{"evil.example,note",
                                      "\"evil.example\",note",
                                      "  \"evil.example\"  , \"note\" ",
                                      "\t evil.example \t, note",
                                      "\" evil.example \",x",
                                      "evil.example,",
                                      ",evil.example",
                                      "\"\",x",
                                      "\"evil,example\",x",
                                      "evil\"example,x",
                                      "evil.example\" ,x",
                                      "http://evil.example/a?b=\"c\",x",
                                      "None,x"};
  for (const std::string& row : rows) {
    CAPTURE(row);
    // A doubled quote in a field that nobody reads sends the row the long way.
    CHECK(read_feed("csv", "domain,note\n" + row + ",z\n") ==
          read_feed("csv", "domain,note\n" + row + ",\"z\"\"z\"\n"));
  }
}

}  // namespace cenote::csv_test
