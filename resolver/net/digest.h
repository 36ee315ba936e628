// Digests, behind the one fence around OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace cenote {

std::array<uint8_t, 32> sha256(std::string_view text) noexcept;
std::string sha256_hex(std::string_view text);  // lower case

// Takes the same time wherever the texts differ; their length is no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace cenote
