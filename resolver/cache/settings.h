// How much is remembered, and for how long. Filled by conf/.
#pragma once

#include "resolver/base/clock.h"

namespace cenote {

// Which NXDOMAIN is believed beyond the question that it answers: for all types of the name (RFC 2308 section
// 5) and for all names below it (RFC 8020). See docs/decisions/0015-how-far-nxdomain-reaches.md.
enum class NxdomainCut : uint8_t {
  kOff,     // none
  kProven,  // one with AD, of upstreams whose AD is trusted (trust_ad)
  kAll,
};

struct CacheSettings {
  uint64_t bytes = uint64_t{256} << 20;
  seconds max_ttl{std::chrono::hours{24}};
  seconds max_negative_ttl{std::chrono::hours{1}};  // RFC 2308 section 5
  seconds serve_stale{std::chrono::hours{24}};      // RFC 8767; 0: never
  NxdomainCut nxdomain_cut = NxdomainCut::kProven;

  bool operator==(const CacheSettings&) const = default;
};

}  // namespace cenote
