// Compresses a text as feeds are compressed (RFC 1952).
#pragma once

#include <string>
#include <string_view>

namespace cenote::test {

std::string gzip(std::string_view text);  // throws where zlib refuses

}  // namespace cenote::test
