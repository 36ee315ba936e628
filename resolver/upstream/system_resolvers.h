// The machine's own resolvers, from resolv.conf(5): who is asked when the configuration names nobody for the
// root zone. Start-up and reload only.
#pragma once

#include <string_view>
#include <vector>

#include "resolver/upstream/settings.h"

namespace cenote {

// The "nameserver" lines, in order, without those in `own` (a resolver that forwards to itself never answers)
// and without link-local addresses, which mean nothing without their interface.
std::vector<SocketAddress> parse_resolv_conf(std::string_view text, const std::vector<SocketAddress>& own);

// `settings` as it is when it serves the root zone; otherwise with the resolvers of `path` for it, if there
// are any.
UpstreamSettings with_system_resolvers(UpstreamSettings settings, const std::vector<SocketAddress>& own,
                                       const char* path = "/etc/resolv.conf");

}  // namespace cenote
