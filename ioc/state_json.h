// JSON of our own files, read back. Whoever may write to the state folder may write anything there.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "resolver/base/clock.h"

namespace cenote {

// The value. Throws nlohmann::json::exception where it is no JSON, or where a number in it is not whole: we
// write none, and to take one for a whole number is undefined.
nlohmann::json parse_state(std::string_view text);
// A time in milliseconds since 1970, until the year 9999, as RFC 3339 writes it: what is beyond was never
// written by us.
WallTime state_time(const nlohmann::json& json);

}  // namespace cenote
