#include "resolver/base/clock.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <fmt/format.h>

namespace cenote {
namespace {

struct Unit {
  std::string_view name;
  int64_t in_ms;
};
// "ms" stands before "m": the longest name that fits is meant.
constexpr std::array<Unit, 6> kUnits{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}, {"w", 604'800'000}}};

// Reads exactly `width` digits; -1 when there are none.
int digits(std::string_view text, size_t at, size_t width) {
  if (at + width > text.size()) {
    return -1;
  }
  int value = 0;
  for (size_t i = at; i < at + width; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return -1;
    }
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

constexpr void put_two(std::array<char, 24>& text, size_t at, uint32_t value) {
  text[at] = static_cast<char>('0' + value / 10);
  text[at + 1] = static_cast<char>('0' + value % 10);
}

constexpr std::array<char, 24> of_second(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  // By hand: a general formatter costs ten times as much.
  std::array<char, 24> text{};
  std::copy_n("0000-00-00T00:00:00.000Z", text.size(), text.begin());
  const auto year = static_cast<uint32_t>(std::clamp(int{date.year()}, 0, 9999));
  put_two(text, 0, year / 100);
  put_two(text, 2, year % 100);
  put_two(text, 5, unsigned{date.month()});
  put_two(text, 8, unsigned{date.day()});
  put_two(text, 11, static_cast<uint32_t>(clock.hours().count()));
  put_two(text, 14, static_cast<uint32_t>(clock.minutes().count()));
  put_two(text, 17, static_cast<uint32_t>(clock.seconds().count()));
  return text;
}

}  // namespace

std::array<char, 24> rfc3339(WallTime time) noexcept {
  using Second = std::chrono::sys_seconds;
  // Each hit has its time written, and many are of one second.
  constinit thread_local Second last;
  constinit thread_local std::array<char, 24> text = of_second(Second());
  const auto second = std::chrono::floor<seconds>(time);
  if (second != last) {
    last = second;
    text = of_second(second);
  }
  const auto rest = static_cast<uint32_t>((time - second).count());
  text[20] = static_cast<char>('0' + rest / 100);
  put_two(text, 21, rest % 100);
  return text;
}

std::string to_rfc3339(WallTime time) {
  const auto text = rfc3339(time);
  return {text.data(), text.size()};
}

bool parse_duration(std::string_view text, milliseconds& out) {
  if (text == "0") {
    out = milliseconds{0};
    return true;
  }
  if (text.empty()) {
    return false;
  }
  int64_t total = 0;
  while (!text.empty()) {
    int64_t count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    // A hundred years is more than anybody means, and keeps the sum far from overflow.
    constexpr int64_t kMost = int64_t{100} * 365 * 86'400'000;
    if (failed != std::errc{} || count < 0 || count > kMost) {
      return false;
    }
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    bool known = false;
    for (const Unit& unit : kUnits) {
      if (text.starts_with(unit.name)) {
        if (count > kMost / unit.in_ms) {
          return false;
        }
        total += count * unit.in_ms;
        text.remove_prefix(unit.name.size());
        known = true;
        break;
      }
    }
    if (!known || total > kMost) {
      return false;
    }
  }
  out = milliseconds{total};
  return true;
}

std::string to_text(milliseconds duration) {
  int64_t left = duration.count();
  if (left == 0) {
    return "0";
  }
  std::string text;
  for (const Unit& unit : {kUnits[4], kUnits[3], kUnits[2], kUnits[1], kUnits[0]}) {
    if (left >= unit.in_ms) {
      text += fmt::format("{}{}", left / unit.in_ms, unit.name);
      left %= unit.in_ms;
    }
  }
  return text;
}

bool parse_wall_time(std::string_view text, WallTime& out, bool end_of_day) {
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || text[4] != '-' || text[7] != '-') {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) {
    return false;
  }
  WallTime time = std::chrono::sys_days{date};
  if (text.size() == 10) {
    out = end_of_day ? time + std::chrono::hours{24} - seconds{1} : time;
    return true;
  }
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);
  if ((text[10] != 'T' && text[10] != 't' && text[10] != ' ') || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60 || text[13] != ':' || text[16] != ':') {
    return false;
  }
  time += std::chrono::hours{hour} + std::chrono::minutes{minute} + seconds{second};
  size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    int scale = 100;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      time += milliseconds{(text[at] - '0') * scale};
      scale /= 10;
    }
  }
  const std::string_view zone = text.substr(at);
  if (zone.empty() || zone == "Z" || zone == "z") {
    out = time;
    return true;
  }
  const int zone_hour = digits(zone, 1, 2);
  const int zone_minute = digits(zone, 4, 2);
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || zone_hour < 0 ||
      zone_hour > 23 || zone_minute < 0 || zone_minute > 59) {
    return false;
  }
  const auto offset = std::chrono::hours{zone_hour} + std::chrono::minutes{zone_minute};
  out = zone[0] == '+' ? time - offset : time + offset;
  return true;
}

}  // namespace cenote
