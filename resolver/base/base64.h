// Base64 for URLs (RFC 4648 section 5), as DNS over HTTPS uses it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resolver/base/bytes.h"

namespace cenote {

// Decodes into `out` and returns how many bytes that made; nullopt: a character of no alphabet, padding (RFC
// 8484 section 6 forbids it), bits that say nothing and are not zero, or no room.
std::optional<size_t> decode_base64url(std::string_view text, MutableBytes out) noexcept;
std::string encode_base64url(Bytes bytes);  // without padding

}  // namespace cenote
