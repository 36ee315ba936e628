// A response with the headers that every answer of the block page carries: never stored, sniffed, framed or
// able to load anything.
#pragma once

#include <string>
#include <string_view>

#include "resolver/net/http.h"

namespace cenote {

// `type` is empty for an answer without a body. `style_hash` ("sha256-...") allows exactly one style sheet.
inline HttpResponse safe_response(int status, std::string_view type, std::string body,
                                  std::string_view style_hash = {}) {
  std::string policy = "default-src 'none'; ";
  if (!style_hash.empty()) {
    policy.append("style-src '").append(style_hash).append("'; ");
  }
  policy += "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  HttpResponse response{.status = status, .headers = {}, .body = std::move(body)};
  if (!type.empty()) {
    response.headers.emplace_back("content-type", type);
  }
  response.headers.emplace_back("cache-control", "no-store");
  response.headers.emplace_back("content-security-policy", std::move(policy));
  response.headers.emplace_back("referrer-policy", "no-referrer");
  response.headers.emplace_back("x-content-type-options", "nosniff");
  response.headers.emplace_back("x-frame-options", "DENY");  // for browsers that do not know frame-ancestors
  return response;
}

}  // namespace cenote
