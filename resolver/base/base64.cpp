#include "resolver/base/base64.h"

namespace cenote {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::optional<size_t> decode_base64url(std::string_view text, MutableBytes out) noexcept {
  if (text.size() % 4 == 1 || text.size() / 4 * 3 + (text.size() % 4) * 3 / 4 > out.size()) {
    return std::nullopt;
  }
  uint32_t bits = 0;
  unsigned count = 0;
  size_t size = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) {
      return std::nullopt;
    }
    bits = (bits << 6) | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[size++] = static_cast<uint8_t>(bits >> count);
    }
  }
  const bool rest_is_zero = (bits & ((1U << count) - 1)) == 0;
  return rest_is_zero ? std::optional(size) : std::nullopt;
}

std::string encode_base64url(Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t bits = 0;
  unsigned count = 0;
  for (const uint8_t byte : bytes) {
    bits = (bits << 8) | byte;
    count += 8;
    while (count >= 6) {
      count -= 6;
      text += kAlphabet[(bits >> count) & 63];
    }
  }
  if (count > 0) {
    text += kAlphabet[(bits << (6 - count)) & 63];
  }
  return text;
}

}  // namespace cenote
