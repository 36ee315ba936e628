// IPv4 addresses inside of IPv6 ones: what is sent to 64:ff9b::192.0.2.1 arrives at 192.0.2.1, so whoever
// lists the one means the other. Pure; any thread.
#pragma once

#include <optional>

#include "resolver/base/address.h"

namespace cenote {

// Where packets to this address end: of NAT64's well-known and local prefixes (RFC 6052, RFC 8215), 6to4 (RFC
// 3056), Teredo (RFC 4380), ISATAP (RFC 5214) and the IPv4-compatible ones (RFC 4291). nullopt: there, or at
// an address that only the site's own translator knows.
std::optional<IpAddress> embedded_v4(const IpAddress& address) noexcept;

}  // namespace cenote
