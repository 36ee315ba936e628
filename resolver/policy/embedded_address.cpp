#include "resolver/policy/embedded_address.h"

#include <algorithm>

namespace cenote {
namespace {

bool begins_with(Bytes bytes, std::initializer_list<uint8_t> with) noexcept {
  return std::equal(with.begin(), with.end(), bytes.begin());
}

bool is_zero(Bytes bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

IpAddress v4_at(Bytes bytes, size_t first, size_t second, size_t third, size_t fourth) noexcept {
  return IpAddress::v4({bytes[first], bytes[second], bytes[third], bytes[fourth]});
}

// RFC 8215 lets a site cut its prefixes out of a /48. Behind the address of a shorter one are zeros, and byte
// 8 is skipped (RFC 6052 section 2.2).
IpAddress in_local_nat64(Bytes bytes) noexcept {
  if (is_zero(bytes.subspan(11))) {
    return v4_at(bytes, 6, 7, 9, 10);  // /48
  }
  if (is_zero(bytes.subspan(12))) {
    return v4_at(bytes, 7, 9, 10, 11);  // /56
  }
  if (is_zero(bytes.subspan(13))) {
    return v4_at(bytes, 9, 10, 11, 12);  // /64
  }
  return v4_at(bytes, 12, 13, 14, 15);  // /96
}

}  // namespace

std::optional<IpAddress> embedded_v4(const IpAddress& address) noexcept {
  const Bytes bytes = address.bytes();
  if (address.is_v4()) {
    return std::nullopt;
  }
  const bool is_isatap = begins_with(bytes.subspan(8), {0x00, 0x00, 0x5e, 0xfe}) ||
                         begins_with(bytes.subspan(8), {0x02, 0x00, 0x5e, 0xfe});
  const bool is_nat64 = begins_with(bytes, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0});
  // "::" and "::1" are no IPv4 addresses.
  const bool is_compatible = is_zero(bytes.first(12)) && !is_zero(bytes.subspan(12, 3));
  if (is_isatap || is_nat64 || is_compatible) {
    return v4_at(bytes, 12, 13, 14, 15);
  }
  if (begins_with(bytes, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01})) {
    return in_local_nat64(bytes);
  }
  if (begins_with(bytes, {0x20, 0x02})) {  // 6to4
    return v4_at(bytes, 2, 3, 4, 5);
  }
  if (begins_with(bytes, {0x20, 0x01, 0, 0})) {  // Teredo: the client's, with all bits inverted
    const auto part = [&](size_t at) { return static_cast<uint8_t>(~bytes[at]); };
    return IpAddress::v4({part(12), part(13), part(14), part(15)});
  }
  return std::nullopt;
}

}  // namespace cenote
