// JSON of our own files, read back. Whoever may write to the state folder may write anything there.
#pragma once

#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "resolver/base/clock.h"

namespace cenote {

// Of a generation, or of a line of the record: more is damage, whatever a checksum says, and the next number
// must fit.
constexpr uint64_t kMostStateNumber = uint64_t{1} << 62;

// The value. Throws nlohmann::json::exception where it is no JSON, or where a number in it is not whole: we
// write none, and to take one for a whole number is undefined.
nlohmann::json parse_state(std::string_view text);
// A time in milliseconds since 1970, until the year 9999, as RFC 3339 writes it: what is beyond was never
// written by us.
WallTime state_time(const nlohmann::json& json);

}  // namespace cenote
