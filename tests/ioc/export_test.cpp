#include "ioc/export.h"

#include <random>

#include <catch2/catch.hpp>

#include "ioc/feed_report.h"

namespace cenote::export_test {
namespace {

struct Entry {
  std::string mark;  // "E evil.example", "S ...", "W ...", "I 192.0.2.0/24"
  Action action = Action::kSinkhole;
  std::string category = "malware";
  std::optional<WallTime> until{};
};

Indicator indicator_of(const Entry& entry) {
  Indicator indicator;
  const std::string text = entry.mark.substr(2);
  if (entry.mark[0] == 'I') {
    indicator.kind = Indicator::Kind::kAddress;
    indicator.prefix = *Prefix::from_text(text);
  } else {
    indicator.name = *Name::from_text(text);
    indicator.scope = entry.mark[0] == 'E'   ? Scope::kExact
                      : entry.mark[0] == 'S' ? Scope::kSuffix
                                             : Scope::kBelow;
  }
  indicator.category = entry.category;
  indicator.valid_until = entry.until;
  return indicator;
}

FeedRun run_of(const std::vector<Entry>& entries) {
  FeedRun run;
  for (const Entry& entry : entries) {
    FeedSettings feed;
    feed.action = entry.action;
    Indicator indicator = indicator_of(entry);
    indicator.allow = entry.action == Action::kAllow;
    run.add(indicator, feed);
  }
  run.finish();
  return run;
}

std::string exported(const std::vector<Entry>& entries, const std::string& format,
                     const std::vector<ExceptionSettings>& exceptions = {}, const ExportRequest& more = {}) {
  const FeedRun run = run_of(entries);
  const ExportSource source{"soc", &run};
  ExportRequest request = more;
  request.format = format;
  const auto text = export_indicators(std::span(&source, 1), exceptions, request, {1'000'000, 7});
  INFO((text ? *text : text.error().message));
  REQUIRE(text);
  return *text;
}

std::string without_comments(const std::string& text) {
  std::string lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines += line.starts_with('#') || line.starts_with(';') || line.starts_with('!') ? "" : line + '\n';
  }
  return lines;
}

// What an importer makes of it. "E x" with "W x" is "S x" said in two lines.
std::set<std::string> imported(const std::string& text, const std::string& format) {
  ParseOptions options;
  options.format = format;
  FeedReport report;
  REQUIRE(parse_feed(text, options, report));
  CHECK(report.rejected_rows() == 0);
  const auto list = report.list();
  std::set<std::string> set(list.begin(), list.end());
  for (const std::string& entry : list) {
    const std::string name = entry.substr(1);
    if (entry[0] == 'E' && set.contains("W" + name)) {
      set.erase("E" + name);
      set.erase("W" + name);
      set.insert("S" + name);
    }
  }
  return set;
}

ExceptionSettings exception(const std::string& name) {
  ExceptionSettings settings;
  settings.name = name;
  return settings;
}

}  // namespace

TEST_CASE("what is exported comes back the same from every format that can say it", "[ioc][export]") {
  struct Row {
    std::string format;
    std::string marks;  // that it can say
  };
  const auto row = GENERATE(values<Row>({{"rpz", "ESWI"},
                                         {"plain", "ESI"},
                                         {"hosts", "E"},
                                         {"adblock", "ES"},
                                         {"dnsmasq", "S"},
                                         {"unbound", "S"}}));
  std::mt19937 random(4711);  // the same every time
  for (int round = 0; round < 30; ++round) {
    std::vector<Entry> entries;
    std::set<std::string> names;
    for (int i = 0; i < 40; ++i) {
      const char mark = row.marks[random() % row.marks.size()];
      std::string what;
      if (mark == 'I') {
        what =
            random() % 2 == 0
                ? fmt::format("{}.{}.{}.0/24", 20 + random() % 60, random() % 250, random() % 250)
                : fmt::format("2a0{}:{:x}::{:x}", random() % 9, 1 + random() % 65535, 1 + random() % 65535);
      } else {
        what = fmt::format("{}n{}.{}.com", random() % 3 == 0 ? "a-_b." : "", random() % 50,
                           "x" + std::to_string(random() % 9));
      }
      if (names.insert(what).second) {
        entries.push_back({std::string{mark, ' '} + what});
      }
    }
    std::set<std::string> wanted;
    for (const Entry& entry : entries) {
      wanted.insert(entry.mark);
    }
    const std::string text = exported(entries, row.format);
    CAPTURE(row.format, text);
    CHECK(imported(text, row.format) == wanted);
  }
}

TEST_CASE("each program gets its own words", "[ioc][export]") {
  const std::vector<Entry> entries{{"E one.example"},  {"S all.example"},    {"W below.example"},
                                   {"I 198.51.100.7"}, {"I 203.0.113.0/24"}, {"I 2001:db8::/32"}};
  CHECK(without_comments(exported(entries, "squid")) == ".all.example\none.example\n");
  CHECK(exported(entries, "suricata") == "YWxsLmV4YW1wbGU=\nb25lLmV4YW1wbGU=\n");
  CHECK(without_comments(exported(entries, "hosts")) == "0.0.0.0 all.example\n0.0.0.0 one.example\n");
  const std::string nft = exported(entries, "nftables");
  CHECK_THAT(nft, Catch::Contains("type ipv4_addr\n    flags interval\n    auto-merge\n    elements = {\n"
                                  "      198.51.100.7,\n      203.0.113.0/24,\n    }\n") &&
                      Catch::Contains("2001:db8::/32"));
  const std::string zeek = exported(entries, "zeek");
  CHECK(zeek.starts_with("#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\n"));
  CHECK_THAT(zeek, Catch::Contains("one.example\tIntel::DOMAIN\tsoc\tmalware\t-\n") &&
                       Catch::Contains("198.51.100.7\tIntel::ADDR\t") &&
                       Catch::Contains("203.0.113.0/24\tIntel::SUBNET\t"));
  const std::string postfix = exported(entries, "postfix");
  CHECK_THAT(postfix, Catch::Contains("\none.example\tREJECT listed as malware\n") &&
                          Catch::Contains("\n.all.example\tREJECT") &&
                          Catch::Contains("\n.below.example\t") && !Catch::Contains("\nbelow.example"));
  CHECK_THAT(exported(entries, "rpz"), Catch::Contains("\n@ SOA localhost. root.localhost. 7 ") &&
                                           Catch::Contains("\n24.0.113.0.203.rpz-ip CNAME .\n") &&
                                           Catch::Contains("\n32.zz.db8.2001.rpz-ip CNAME .\n"));
}

TEST_CASE("what a format cannot say is counted", "[ioc][export]") {
  const std::string text = exported({{"W below.example"}, {"E one.example"}, {"I 198.51.100.7"}}, "squid");
  CHECK_THAT(text,
             Catch::Contains("# Cenote generation 7: 1 entries\n# 2 more that this format cannot say\n"));
}

TEST_CASE("only what blocks now is exported, each name once", "[ioc][export]") {
  const WallTime past{seconds{999'999}};
  const WallTime later{seconds{1'000'001}};
  const std::vector<Entry> entries{{"E monitored.example", Action::kMonitor},
                                   {"E allowed.example", Action::kAllow},
                                   {"E expired.example", Action::kSinkhole, "c2", past},
                                   {"E valid.example", Action::kNxdomain, "c2", later},
                                   {"E both.example"},
                                   {"S both.example"}};
  CHECK(without_comments(exported(entries, "plain")) == "*.both.example\nvalid.example\n");
  ExportRequest only;
  only.category = "c2";
  CHECK(without_comments(exported(entries, "plain", {}, only)) == "valid.example\n");
  const FeedRun one = run_of({{"E a.example"}, {"E both.example"}});
  const FeedRun two = run_of({{"E both.example"}, {"E c.example"}});
  const std::vector<ExportSource> sources{{"one", &one}, {"two", &two}};
  const auto all = export_indicators(sources, {}, {"plain", "", ""}, {1, 1});
  REQUIRE(all);
  CHECK(without_comments(*all) == "a.example\nboth.example\nc.example\n");
  const auto second = export_indicators(sources, {}, {"plain", "two", ""}, {1, 1});
  REQUIRE(second);
  CHECK(without_comments(*second) == "both.example\nc.example\n");
}

TEST_CASE("an exception for everybody is followed, one for some clients is not", "[ioc][export]") {
  const std::vector<Entry> entries{{"S partner.example"}, {"E other.example"}};
  ExceptionSettings bound = exception("other.example");
  bound.client = GENERATE(as<std::string>{}, "10.0.0.0/8", "group:lab");
  CHECK(without_comments(exported(entries, "plain", {exception("partner.example"), bound})) ==
        "other.example\n");
  CHECK_THAT(exported(entries, "rpz", {exception("www.partner.example")}),
             Catch::Contains(
                 "www.partner.example CNAME rpz-passthru.\n*.www.partner.example CNAME rpz-passthru.\n"));
}

TEST_CASE("a text from a feed cannot leave its field", "[ioc][export]") {
  const std::string text = exported({{"E one.example", Action::kSinkhole, "a\tb\nREJECT"}}, "zeek");
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(std::count(text.begin(), text.end(), '\t') == 9);
}

TEST_CASE("an unknown format is told with those that there are", "[ioc][export]") {
  const auto text = export_indicators({}, {}, {"xml", "", ""}, {});
  REQUIRE_FALSE(text);
  CHECK_THAT(text.error().message, Catch::Contains("xml") && Catch::Contains("rpz, plain"));
}

}  // namespace cenote::export_test
