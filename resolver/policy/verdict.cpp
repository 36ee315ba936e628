#include "resolver/policy/verdict.h"

namespace cenote {

std::string_view to_text(MatchKind kind) noexcept {
  switch (kind) {
    case MatchKind::kNone:
      return "none";
    case MatchKind::kQuestion:
      return "qname";
    case MatchKind::kCname:
      return "cname";
    case MatchKind::kAddress:
      return "address";
    case MatchKind::kServiceTarget:
      return "svcb-target";
    case MatchKind::kServiceHint:
      return "svcb-hint";
  }
  return "none";
}

}  // namespace cenote
