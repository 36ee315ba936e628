// What every fuzz target of a feed format does; each target names its format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cenote::test {

// Reading `bytes` in one piece and in small pieces must come to the same, and no entry may leave that the
// guards would refuse. Aborts otherwise; returns 0.
int fuzz_format(std::string_view format, const uint8_t* bytes, size_t size);

}  // namespace cenote::test
