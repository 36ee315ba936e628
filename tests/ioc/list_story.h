// Whole lists of one feed and, while each of them is compiled, single names of another: what a small change
// that does not wait for a list must survive.
#pragma once

#include <string>

#include "ioc/updater.h"

namespace cenote::test {

struct ListStory {
  static constexpr size_t kNames = 5'000;  // of each list
  static std::string small(uint64_t number) { return std::to_string(number) + ".small.example.com"; }
  // No two lists share a name.
  static std::string name(uint64_t list, size_t i) {
    return std::to_string(i) + ".list" + std::to_string(list) + ".example.com";
  }
  static std::string text(uint64_t list) {
    std::string lines;
    for (size_t i = 0; i < kNames; ++i) {
      lines += name(list, i) + "\n";
    }
    return lines;
  }
  static IocSettings settings(const std::string& state_dir) {
    IocSettings settings;
    for (const char* feed : {"small", "list"}) {
      settings.feeds.emplace_back();
      settings.feeds.back().name = feed;
      settings.feeds.back().format = "plain";
    }
    settings.state_dir = state_dir;
    settings.fold_entries = 200;  // now and then
    return settings;
  }
};

}  // namespace cenote::test
