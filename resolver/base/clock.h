// Time as the program knows it. Monotonic time orders and measures, wall time is shown and stored. Whoever
// decides takes `now` as a parameter; only the edges (loops, threads) read a clock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace cenote {

using MonoTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Now {
  MonoTime mono;
  WallTime wall;
};

inline MonoTime mono_now() {
  return std::chrono::steady_clock::now();
}
inline WallTime wall_now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}
inline Now now() {
  return {mono_now(), wall_now()};
}

inline int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

// RFC 3339 in UTC with milliseconds, "2026-11-22T10:15:30.123Z".
std::array<char, 24> rfc3339(WallTime time) noexcept;
std::string to_rfc3339(WallTime time);

// "1h", "30m", "7d", "90s", "250ms", "0"; several may follow each other ("1h30m"). False: not a duration.
bool parse_duration(std::string_view text, milliseconds& out);
// A text that parse_duration reads back, in days and smaller units.
std::string to_text(milliseconds duration);

// RFC 3339 date or date-time ("2027-03-31", "2027-03-31T12:00:00Z", "...+09:00"); a date alone means the end
// of that day in UTC when it limits something, so it is returned as its last second with `end_of_day`.
bool parse_wall_time(std::string_view text, WallTime& out, bool end_of_day = false);

}  // namespace cenote
