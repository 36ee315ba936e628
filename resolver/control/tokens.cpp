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
  if (right == Right::kNone || has("admin") || has("operate")) {
    return true;
  }
  if (right == Right::kPushSome) {
    return std::any_of(token.scopes.begin(), token.scopes.end(),
                       [](const std::string& scope) { return scope.starts_with(kPush); });
  }
  if (right == Right::kRead) {
    return has("read");
  }
  const std::string_view word = right == Right::kPush ? kPush : right == Right::kRelease ? kRelease : "";
  return !word.empty() && std::any_of(token.scopes.begin(), token.scopes.end(), [&](std::string_view scope) {
    return scope.starts_with(word) && (scope.substr(word.size()) == "*" || scope.substr(word.size()) == feed);
  });
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

bool Tokens::still_grant(const Token& token, Right right, WallTime now) const noexcept {
  return std::any_of(tokens_.begin(), tokens_.end(), [&](const Token& one) {
    return one.sha256 == token.sha256 && one.name == token.name && (!one.expires || now < *one.expires) &&
           grants(one, right, "");
  });
}

}  // namespace cenote
