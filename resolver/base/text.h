// Text from outside, made safe to show, and small parsers that more than one folder needs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cenote {

// For logs and terminals: control characters, bytes that are not valid UTF-8 and bidirectional marks become
// \xNN or \u{NNNN}, so that no name, feed text or header can forge a line or move a cursor. The result holds
// at most `most` bytes of the input; a cut is marked with "...".
std::string printable(std::string_view text, size_t most = 512);

// The characters & < > " ' as references: safe in HTML text and in quoted attributes.
std::string escape_html(std::string_view text);

bool is_one_of(std::string_view word, std::span<const std::string_view> words) noexcept;

bool is_valid_utf8(std::string_view text) noexcept;
// At most `most` bytes from the front, cut between characters (RFC 3629): valid UTF-8 stays valid.
inline std::string_view first_bytes(std::string_view text, size_t most) noexcept {
  if (text.size() <= most) {
    return text;
  }
  while (most > 0 && (static_cast<uint8_t>(text[most]) & 0xC0) == 0x80) {
    --most;
  }
  return text.substr(0, most);
}

// The code point at the front of `text` and its length; kBadCodePoint and 1 for a bad sequence. REQUIRES: not
// empty.
constexpr uint32_t kBadCodePoint = UINT32_MAX;
std::pair<uint32_t, size_t> decode_utf8(std::string_view text) noexcept;

std::string_view trim(std::string_view text) noexcept;  // ASCII blanks and TAB, both ends
std::string to_lower(std::string_view text);            // ASCII only
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::vector<std::string_view> split(std::string_view text, char separator);  // "a,,b" gives three parts

// Whole text, decimal, no sign; nullopt when it is anything else or beyond `most`.
std::optional<uint64_t> parse_number(std::string_view text, uint64_t most = UINT64_MAX) noexcept;
// "256MiB", "64KiB", "1GiB", "4096" (bytes); also KB, MB, GB as powers of ten.
std::optional<uint64_t> parse_size(std::string_view text) noexcept;

// "512 bytes", "17 KiB", "256 MiB".
std::string size_text(uint64_t bytes);

// "1 name", "2 names".
std::string counted(uint64_t count, std::string_view one, std::string_view many);

// Pairs of hexadecimal digits; empty when the text is anything else.
std::vector<uint8_t> parse_hex(std::string_view text);

// How many single-character edits apart, for "did you mean ...?".
size_t edit_distance(std::string_view a, std::string_view b);
// The candidate nearest to `word`, or empty when none is near enough to be meant.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace cenote
