// What tells clients of plain DNS that this resolver also speaks encrypted DNS, and where (RFC 9462): the
// answer to _dns.resolver.arpa SVCB. Start-up and reload only.
#pragma once

#include <vector>

#include "resolver/dns/rr.h"
#include "resolver/listen/settings.h"

namespace cenote {

// Nothing where listen.tls has no name, for the client checks the certificate against it.
std::vector<LocalRecord> designated_resolvers(const ListenSettings& listen);

}  // namespace cenote
