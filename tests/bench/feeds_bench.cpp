// How fast feeds are read: entries a second of one core for each file given as FORMAT:PATH, each read into a
// sink that only counts.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

#include "ioc/parse.h"
#include "tests/support/read_file.h"

namespace {

struct Counter : cenote::FeedSink {
  size_t entries = 0;
  void accept(const cenote::Indicator&, uint64_t) override { ++entries; }
  void hold(const cenote::Indicator&, uint64_t, std::string_view) override { ++entries; }
  void reject(const cenote::Reject&) override { ++entries; }
};

void measure(const std::string& format, const std::string& path) {
  const std::string body = cenote::test::read_file(path);
  cenote::ParseOptions options;
  options.format = format;
  double best = 1e9;
  size_t entries = 0;
  for (int round = 0; round < 5; ++round) {
    Counter counter;
    const std::clock_t start = std::clock();  // processor time: the machine may be busy
    if (const auto ok = parse_feed(body, options, counter); !ok) {
      std::printf("%s: %s\n", path.c_str(), ok.error().message.c_str());
      return;
    }
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    entries = counter.entries;
  }
  std::printf("%-10s %8zu entries %8.1f ms %10.0f entries/s %7.1f MB/s  %s\n", format.c_str(), entries,
              best * 1e3, static_cast<double>(entries) / best, static_cast<double>(body.size()) / best / 1e6,
              path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t colon = argument.find(':');
    if (colon == std::string::npos) {
      std::puts("usage: feeds_bench FORMAT:FILE...");
      return 2;
    }
    measure(argument.substr(0, colon), argument.substr(colon + 1));
  }
  return argc > 1 ? 0 : 2;
}
