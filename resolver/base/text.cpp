#include "resolver/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace cenote {
namespace {

// Moves the cursor, changes the reading order or is invisible: never shown as it is.
bool is_deceptive(uint32_t code) noexcept {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB);
}

}  // namespace

// Bad are the overlong, surrogate, truncated and those beyond U+10FFFF, as Unicode 15 table 3-7 says.
std::pair<uint32_t, size_t> decode_utf8(std::string_view text) noexcept {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
    return {kBadCodePoint, 1};
  }
  uint32_t code = lead & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) {
      return {kBadCodePoint, 1};
    }
    code = (code << 6) | (at(i) & 0x3F);
  }
  constexpr std::array<uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    return {kBadCodePoint, 1};
  }
  return {code, length};
}

std::string printable(std::string_view text, size_t most) {
  const bool cut = text.size() > most;
  text = text.substr(0, most);
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const auto [code, length] = decode_utf8(text);
    if (code == kBadCodePoint) {
      fmt::format_to(std::back_inserter(safe), "\\x{:02x}", static_cast<uint8_t>(text[0]));
    } else if (is_deceptive(code)) {
      if (code < 0x80) {
        fmt::format_to(std::back_inserter(safe), "\\x{:02x}", code);
      } else {
        fmt::format_to(std::back_inserter(safe), "\\u{{{:04X}}}", code);
      }
    } else {
      safe.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  return cut ? safe + "..." : safe;
}

std::string escape_html(std::string_view text) {
  std::string safe;
  safe.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

bool is_one_of(std::string_view word, std::span<const std::string_view> words) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_valid_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto [code, length] = decode_utf8(text);
    if (code == kBadCodePoint) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

std::string_view trim(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c + ('a' - 'A'));
    }
  }
  return lower;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

std::optional<uint64_t> parse_number(std::string_view text, uint64_t most) noexcept {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failed != std::errc{} || end != text.data() + text.size() || value > most) {
    return std::nullopt;
  }
  return value;
}

std::optional<uint64_t> parse_size(std::string_view text) noexcept {
  struct Unit {
    std::string_view name;
    uint64_t bytes;
  };
  constexpr std::array<Unit, 9> kUnits{{{"KiB", 1ULL << 10},
                                        {"MiB", 1ULL << 20},
                                        {"GiB", 1ULL << 30},
                                        {"TiB", 1ULL << 40},
                                        {"KB", 1'000},
                                        {"MB", 1'000'000},
                                        {"GB", 1'000'000'000},
                                        {"B", 1},
                                        {"", 1}}};
  for (const Unit& unit : kUnits) {
    if (text.ends_with(unit.name)) {
      const auto count =
          parse_number(trim(text.substr(0, text.size() - unit.name.size())), UINT64_MAX / unit.bytes);
      return count ? std::optional(*count * unit.bytes) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::string size_text(uint64_t bytes) {
  constexpr uint64_t kKibi = 1024;
  return bytes < kKibi           ? counted(bytes, "byte", "bytes")
         : bytes < kKibi * kKibi ? fmt::format("{} KiB", bytes / kKibi)
                                 : fmt::format("{} MiB", bytes / (kKibi * kKibi));
}

std::string counted(uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + ' ' + std::string(count == 1 ? one : many);
}

std::vector<uint8_t> parse_hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::vector<uint8_t> bytes;
  const std::string digits = to_lower(text);
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    const size_t high = kDigits.find(digits[i]);
    const size_t low = kDigits.find(digits[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) {
      return {};
    }
    bytes.push_back(static_cast<uint8_t>(high * 16 + low));
  }
  return digits.size() % 2 == 0 ? bytes : std::vector<uint8_t>{};
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace cenote
