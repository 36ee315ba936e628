#include <algorithm>
#include <array>
#include <memory>

#include <idn2.h>

#include "ioc/normalise.h"
#include "resolver/base/text.h"

namespace cenote {

Reason to_ascii_name(std::string_view text, std::string& out);

namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};
// General category Cc, Cf, Co and the non-characters of Unicode 15: invisible, or without a meaning that two
// people share. IDNA would map several of them to nothing, and two names that look alike would become one.
// Unassigned code points are refused by the IDNA tables themselves.
constexpr std::array<Range, 26> kInvisible{
    {{0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
     {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x180E, 0x180E},
     {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x206F},   {0xD800, 0xF8FF},   {0xFDD0, 0xFDEF},
     {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD},
     {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE00FF}, {0xE01F0, 0xEFFFF},
     {0xF0000, 0x10FFFF}}};

bool is_invisible(uint32_t code) noexcept {
  const auto range =
      std::find_if(kInvisible.begin(), kInvisible.end(), [&](const Range& r) { return code <= r.last; });
  return range != kInvisible.end() && code >= range->first;
}

bool is_dot(uint32_t code) noexcept {  // UTS 46 section 2.3
  return code == '.' || code == 0x3002 || code == 0xFF0E || code == 0xFF61;
}

// Labels are mapped one by one, so that an xn-- label beside them is kept as it is.
Reason append_label(const std::string& label, bool ascii, std::string& out) {
  if (ascii) {
    out += label;
    return Reason::kNone;
  }
  char* mapped = nullptr;
  if (idn2_to_ascii_8z(label.c_str(), &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
    return Reason::kBadIdna;
  }
  const std::unique_ptr<char, void (*)(void*)> owner(mapped, idn2_free);
  out += mapped;
  return Reason::kNone;
}

}  // namespace

Reason to_ascii_name(std::string_view text, std::string& out) {
  std::string label;
  bool ascii = true;
  while (!text.empty()) {
    const auto [code, length] = decode_utf8(text);
    if (code == kBadCodePoint || code == 0xFFFD) {
      return Reason::kBadChar;
    }
    if (is_invisible(code)) {
      return Reason::kFormatChar;
    }
    if (is_dot(code)) {
      if (const Reason reason = append_label(label, ascii, out); reason != Reason::kNone) {
        return reason;
      }
      out += '.';
      label.clear();
      ascii = true;
    } else {
      label += text.substr(0, length);
      ascii = ascii && code < 0x80;
    }
    text.remove_prefix(length);
  }
  return append_label(label, ascii, out);
}

}  // namespace cenote
