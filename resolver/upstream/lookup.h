// Addresses of one host from the upstream servers, for our own fetches: a resolver that blocks must not ask
// itself where its lists come from.
//
// Threads: any; blocks, at most for twice Exchange::kTotal. Not for queries.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/upstream/settings.h"

namespace cenote {

// IPv4 first. Empty: no such host, or no server answered.
std::vector<IpAddress> look_up(const UpstreamSettings& settings, const std::string& host);

}  // namespace cenote
