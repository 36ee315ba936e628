#include "resolver/control/tokens.h"

#include <algorithm>

#include "resolver/base/text.h"
#include "resolver/net/digest.h"

namespace cenote {

bool is_scope(std::string_view scope) noexcept {
  return scope == "read" || scope == "operate" || scope == "admin" ||
         (scope.starts_with("push:") && scope.size() > 5);
}

bool grants(const Token& token, Right right, std::string_view feed) noexcept {
  const auto has = [&](std::string_view scope) {
    return std::find(token.scopes.begin(), token.scopes.end(), scope) != token.scopes.end();
  };
  if (right <= Right::kToken || has("admin") || has("operate")) {
    return true;
  }
  if (right == Right::kRead) {
    return has("read");
  }
  const auto pushes = [&](const std::string& scope) {
    return scope == "push:*" || (scope.starts_with("push:") && std::string_view(scope).substr(5) == feed);
  };
  return right == Right::kPush && std::any_of(token.scopes.begin(), token.scopes.end(), pushes);
}

const Token* Tokens::find(std::string_view authorization, WallTime now) const {
  const size_t blank = authorization.find(' ');
  // RFC 9110 section 11.1: the scheme's letter case does not matter.
  if (blank == std::string_view::npos || !equal_ignoring_case(authorization.substr(0, blank), "bearer")) {
    return nullptr;
  }
  const std::string shown = sha256_hex(trim(authorization.substr(blank)));
  const Token* found = nullptr;
  for (const Token& token : tokens_) {  // all of them: time tells nothing about which
    if (equal_in_constant_time(token.sha256, shown)) {
      found = &token;
    }
  }
  return found != nullptr && (!found->expires || now < *found->expires) ? found : nullptr;
}

}  // namespace cenote
