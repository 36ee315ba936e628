// Where hits are written down. Filled by conf/.
#pragma once

#include <string>

namespace cenote {

struct EventSettings {
  std::string file =
      "/var/log/cenote/events.jsonl";  // one JSON object a line (docs/events.md); empty: no file

  // Events a second of one client, in the file and in memory; what goes over is counted. 0: as many as come.
  // A network that an address translator hides is one client.
  int rate = 50;

  bool operator==(const EventSettings&) const = default;
};

}  // namespace cenote
