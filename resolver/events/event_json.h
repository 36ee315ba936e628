// An event as one line of JSON, the form that files, SIEMs and the control API share (docs/events.md).
#pragma once

#include <string>

#include "resolver/events/event.h"

namespace cenote {

std::string to_json_line(const Event& event);  // without the newline; printable ASCII and valid UTF-8 only

}  // namespace cenote
