// How much is remembered, and for how long. Filled by conf/.
#pragma once

#include "resolver/base/clock.h"

namespace cenote {

struct CacheSettings {
  uint64_t bytes = uint64_t{256} << 20;
  seconds max_ttl{std::chrono::hours{24}};
  seconds max_negative_ttl{std::chrono::hours{1}};  // RFC 2308 section 5
  seconds serve_stale{std::chrono::hours{24}};      // RFC 8767; 0: never
  bool nxdomain_cut = true;  // RFC 8020: below a name that does not exist there is nothing

  bool operator==(const CacheSettings&) const = default;
};

}  // namespace cenote
