// Where hits are written down. Filled by conf/.
#pragma once

#include <string>

namespace cenote {

struct EventSettings {
  std::string file =
      "/var/log/cenote/events.jsonl";  // one JSON object a line (docs/events.md); empty: no file

  bool operator==(const EventSettings&) const = default;
};

}  // namespace cenote
