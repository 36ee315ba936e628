// An event as one line of JSON, the form that files, SIEMs and the control API share (docs/events.md).
#pragma once

#include <string>
#include <string_view>

#include "resolver/events/event.h"

namespace cenote {

// With its quotes.
void append_json_string(std::string& out, std::string_view text);
// Without the newline; printable ASCII and valid UTF-8 only, whatever the event's texts hold.
void append_json_line(std::string& out, const EventView& event);
std::string to_json_line(const EventView& event);

}  // namespace cenote
