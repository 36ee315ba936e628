// What a person configures about one feed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ioc/indicator.h"

namespace cenote {

struct FeedSettings {
  std::string name;             // [a-z0-9][a-z0-9._-]{0,62}
  std::string source = "push";  // "file:PATH", "https://...", or "push" (only over the API)
  std::string format = "auto";
  std::map<std::string, std::string> options;  // scope, encoding, origin, column, header, delimiter, ...
  std::string category = "malware";
  Action action = Action::kSinkhole;
  int confidence = 80;     // for entries that carry none, 0..100
  int min_confidence = 0;  // below it an entry is monitored only
  milliseconds refresh{15 * 60 * 1000};
  std::string threat;  // shown when an entry has none of its own

  bool operator==(const FeedSettings&) const = default;
};

struct ExceptionSettings {
  std::string name;  // a name with everything below it
  bool exact = false;
  std::string reason;
  std::optional<WallTime> until;  // exclusive
  std::string client;             // a prefix, or empty for everybody

  bool operator==(const ExceptionSettings&) const = default;
};

struct IocSettings {
  std::vector<FeedSettings> feeds;
  std::vector<ExceptionSettings> exceptions;
  std::vector<std::string> protect;  // names that no feed may ever block, with everything below and above
  std::string state_dir = "/var/lib/cenote";
  std::string base_dir = ".";  // what "file:" paths are relative to: the configuration's folder

  bool operator==(const IocSettings&) const = default;
};

}  // namespace cenote
