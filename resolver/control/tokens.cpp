#include "resolver/control/tokens.h"

#include <algorithm>

#include "resolver/base/text.h"
#include "resolver/net/digest.h"

namespace cenote {
namespace {

constexpr std::string_view kPush = "push:";
constexpr std::string_view kRelease = "release:";

}  // namespace

bool is_scope(std::string_view scope) noexcept {
  return scope == "read" || scope == "operate" || scope == "admin" ||
         (scope.starts_with(kPush) && scope.size() > kPush.size()) ||
         (scope.starts_with(kRelease) && scope.size() > kRelease.size());
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
  const std::string_view word = right == Right::kPush ? kPush : right == Right::kRelease ? kRelease : "";
  return !word.empty() && (has(std::string(word) + "*") || has(std::string(word) + std::string(feed)));
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
