// STIX 2.1 patterns, the part of them that DNS can honour: terms about names, URLs and addresses, joined by
// OR. What means more than "any of these" is refused with its reason, never weakened to one side.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ioc/reason.h"

namespace cenote {

struct StixTerm {
  enum class Kind { kName, kUrl, kAddress, kAny };  // kAny: a name or an address
  Kind kind = Kind::kName;
  bool below = false;  // LIKE '%.x'
  std::string value;
};

constexpr size_t kMaxPatternBytes = 256 * 1024;

// The network terms of a pattern; kNone with at least one, or the reason why there are none.
Reason read_stix_pattern(std::string_view pattern, std::vector<StixTerm>& out);

}  // namespace cenote
