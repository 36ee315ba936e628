// The program's own log (what happened to Cenote), not the event log (what happened to its clients).
// spdlog behind it; text from outside goes through printable() first, for spdlog escapes nothing.
#pragma once

#include <string>

#include <spdlog/spdlog.h>

#include "resolver/base/result.h"

namespace cenote {

struct LogSettings {
  std::string level = "info";   // trace debug info warning error off
  std::string format = "text";  // or json: one object a line

  bool operator==(const LogSettings&) const = default;
};

// Sends the log to standard error in the format asked for. First before threads start; called again it
// changes level and format while other threads log.
Result<void> start_log(const LogSettings& settings);

namespace log = spdlog;

}  // namespace cenote
