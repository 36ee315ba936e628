// How fast feeds are read: entries and megabytes a second of one core, each list read into a sink that only
// counts. Without arguments the lists are made here, of generated names; else they are FORMAT:FILE.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "ioc/parse.h"
#include "tests/bench/dns_names.h"
#include "tests/support/read_file.h"

namespace {

constexpr size_t kNames = 500'000;

struct Counter : cenote::FeedSink {
  size_t entries = 0;
  size_t rejected = 0;
  void accept(const cenote::Indicator&, uint64_t) override { ++entries; }
  void hold(const cenote::Indicator&, uint64_t, std::string_view) override { ++entries; }
  void reject(const cenote::Reject&) override { ++rejected; }
};

// As a list comes from a file.
cenote::Result<void> read_in_pieces(std::string_view body, const cenote::ParseOptions& options,
                                    cenote::FeedSink& sink) {
  constexpr size_t kPiece = 64 * 1024;
  auto parser = make_parser(options, sink);
  if (!parser) {
    return parser.error();
  }
  for (; !body.empty(); body.remove_prefix(std::min(kPiece, body.size()))) {
    if (auto ok = (*parser)->feed(cenote::as_bytes(body.substr(0, kPiece))); !ok) {
      return ok;
    }
  }
  return (*parser)->finish();
}

bool measure(const std::string& format, const std::string& what, const std::string& body) {
  cenote::ParseOptions options;
  options.format = format;
  double best = 1e9;
  Counter counter;
  for (int round = 0; round < 5; ++round) {
    counter = {};
    const std::clock_t start = std::clock();  // processor time: the machine may be busy
    if (const auto ok = read_in_pieces(body, options, counter); !ok) {
      std::printf("%s: %s\n", what.c_str(), ok.error().message.c_str());
      return false;
    }
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::printf("%-10s %8zu entries, %6zu rejected %8.1f ms %10.0f lines/s %7.1f MB/s  %s\n", format.c_str(),
              counter.entries, counter.rejected, best * 1e3,
              static_cast<double>(counter.entries + counter.rejected) / best,
              static_cast<double>(body.size()) / best / 1e6, what.c_str());
  return true;
}

using Line = std::function<std::string(const std::string& name, size_t number)>;

std::string path_of(size_t number) {
  return fmt::format("wp-content/{:x}/{}.php", number * 2654435761U, number % 977);
}

std::string defanged(std::string name) {
  name.replace(name.rfind('.'), 1, "[.]");
  return name;
}

std::string list_of(size_t count, std::string_view head, const Line& line, std::string_view tail = "") {
  cenote::bench::NameMaker names(3);
  std::string text(head);
  for (size_t i = 0; i < count; ++i) {
    text += line(names.next(), i);
  }
  return text.append(tail);
}

std::string stix_object(const std::string& name, size_t number) {
  return fmt::format(
      R"({}{{"type": "indicator", "spec_version": "2.1", "id": "indicator--00000000-0000-4000-8000-{:012x}", )"
      R"("created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "confidence": 80, )"
      R"("name": "Example family C2", "indicator_types": ["malicious-activity"], "pattern_type": "stix", )"
      R"("pattern": "[domain-name:value = '{}']", "valid_from": "2026-01-01T00:00:00Z"}})",
      number == 0 ? "" : ",\n", number, name);
}

std::string misp_attribute(const std::string& name, size_t number) {
  return fmt::format(
      R"({}{{"uuid": "00000000-0000-4000-8000-{:012x}", "type": "domain", "category": "Network activity", )"
      R"("to_ids": true, "value": "{}", "comment": "C2 of the example family", "timestamp": "1767225600", )"
      R"("distribution": "5", "disable_correlation": false}})",
      number == 0 ? "" : ",\n", number, name);
}

void measure_made() {
  const auto lines = [](const std::string& format, const Line& line, std::string_view head = "") {
    measure(format, "made", list_of(kNames, head, line));
  };
  lines("plain", [](const std::string& name, size_t) { return name + "\n"; });
  lines("wildcard", [](const std::string& name, size_t) { return "*." + name + "\n"; });
  lines("hosts", [](const std::string& name, size_t) { return "0.0.0.0 " + name + "\n"; });
  lines("adblock", [](const std::string& name, size_t) { return "||" + name + "^\n"; });
  lines("dnsmasq", [](const std::string& name, size_t) { return "address=/" + name + "/\n"; });
  lines("unbound",
        [](const std::string& name, size_t) { return "local-zone: \"" + name + "\" always_nxdomain\n"; });
  lines("bind", [](const std::string& name, size_t) {
    return "zone \"" + name + "\" { type master; file \"null.zone\"; };\n";
  });
  lines(
      "rpz", [](const std::string& name, size_t) { return name + " CNAME .\n"; },
      "$TTL 60\n@ SOA ns.example. admin.example. 1 2 3 4 5\n@ NS ns.example.\n");
  lines("url", [](const std::string& name, size_t i) { return "http://" + name + "/" + path_of(i) + "\n"; });
  lines("defanged", [](const std::string& name, size_t i) {
    return "hxxp://" + defanged(name) + "/" + path_of(i) + "\n";
  });
  lines(
      "csv", [](const std::string& name, size_t i) { return fmt::format("{},\"{}\",domain\n", i, name); },
      "id,host,type\n");
  constexpr size_t kObjects = 100'000;
  measure("stix", "made",
          list_of(kObjects,
                  R"({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": [)",
                  stix_object, "]}"));
  measure(
      "misp", "made",
      list_of(
          kObjects,
          R"({"Event": {"info": "Example", "uuid": "00000000-0000-4000-8000-000000000000", "Attribute": [)",
          misp_attribute, "]}}"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    measure_made();
    return 0;
  }
  bool good = true;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t colon = argument.find(':');
    if (colon == std::string::npos) {
      std::puts("usage: feeds_bench [FORMAT:FILE...]");
      return 2;
    }
    const std::string path = argument.substr(colon + 1);
    good &= measure(argument.substr(0, colon), path, cenote::test::read_file(path));
  }
  return good ? 0 : 1;
}
