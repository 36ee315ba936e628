// Everything that can be configured, put together from the modules' own settings. A default-constructed value
// is what an empty file means; conf/cenote.yaml spells the same out.
#pragma once

#include <string>
#include <vector>

#include "blockpage/settings.h"
#include "ioc/feed.h"
#include "resolver/base/log.h"
#include "resolver/cache/settings.h"
#include "resolver/control/settings.h"
#include "resolver/events/settings.h"
#include "resolver/listen/settings.h"
#include "resolver/policy/settings.h"
#include "resolver/query/settings.h"
#include "resolver/upstream/settings.h"

namespace cenote {

struct Settings {
  std::string state_dir = "/var/lib/cenote";  // compiled snapshots, journal, history, the CA if none is given
  LogSettings log;
  ListenSettings listen;
  ConnectionSettings connections;
  PolicySettings policy;
  UpstreamSettings upstream;
  CacheSettings cache;
  NamesSettings names;
  AdmissionSettings admission;
  RebindingSettings rebinding;
  IocSettings ioc;
  BlockpageSettings blockpage;
  ControlSettings control;
  EventSettings events;

  bool operator==(const Settings&) const = default;
};

// Something about a configuration file that a person must know. An error keeps Cenote from starting; a
// warning does not.
struct Problem {
  enum class Severity : uint8_t { kError, kWarning };
  std::string file;
  int line = 0;  // 1-based; 0: about the file as a whole
  int column = 0;
  std::string text;
  Severity severity = Severity::kError;
};

// "cenote.yaml:12:3: unknown key 'cahce'; did you mean 'cache'?"
std::string to_text(const Problem& problem);

struct LoadedSettings {
  Settings settings;
  std::vector<Problem> problems;   // all of them, in the order of the file
  std::vector<std::string> unset;  // keys that the file leaves at their default: "cache.size"

  [[nodiscard]] bool is_usable() const;  // no error among the problems
};

}  // namespace cenote
