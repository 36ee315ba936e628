#include "resolver/cli/token.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "resolver/base/clock.h"
#include "resolver/base/random.h"
#include "resolver/base/text.h"
#include "resolver/net/digest.h"

namespace cenote {
namespace {

bool is_good_scope(std::string_view scope) {
  const size_t colon = scope.find(':');
  const std::string_view word = scope.substr(0, colon);
  return scope == "read" || scope == "operate" || scope == "admin" ||
         ((word == "push" || word == "release") && colon + 1 < scope.size() &&
          scope.find_first_of(" \t\"'\\,[]{}#") == std::string_view::npos);
}

bool is_good_name(std::string_view name) {
  return !name.empty() && name.size() <= 60 && name.find_first_of("\"'\\:#[]{},") == std::string_view::npos &&
         printable(name) == name;
}

// 256 random bits. The prefix lets scanners for leaked secrets know one when they see it.
std::string make_token() {
  Random random;
  std::string token = "cenote_";
  for (int i = 0; i < 4; ++i) {
    fmt::format_to(std::back_inserter(token), "{:016x}", random.u64());
  }
  return token;
}

}  // namespace

int create_token(Output& output, const TokenArguments& arguments) {
  WallTime expires;
  if (!is_good_name(arguments.name)) {
    output.error("the token's name: 1 to 60 characters, none of \" ' \\ : # [ ] { } ,");
    return 2;
  }
  for (const std::string& scope : arguments.scopes) {
    if (!is_good_scope(scope)) {
      output.error(
          fmt::format("--scope: '{}' is none of read, push:FEED, release:FEED, operate, admin (FEED: or *)",
                      printable(scope, 60)));
      return 2;
    }
  }
  if (!arguments.expires.empty() && !parse_wall_time(arguments.expires, expires, true)) {
    output.error(
        fmt::format("--expires: '{}' is no date such as 2027-03-31", printable(arguments.expires, 60)));
    return 2;
  }
  const std::string token = make_token();
  const std::string digest = sha256_hex(token);
  if (arguments.is_json) {
    const nlohmann::ordered_json body{
        {"token", token},
        {"name", arguments.name},
        {"sha256", digest},
        {"scopes", arguments.scopes},
        {"expires", arguments.expires.empty() ? nlohmann::ordered_json(nullptr)
                                              : nlohmann::ordered_json(arguments.expires)}};
    output.raw(body.dump() + "\n");
    return 0;
  }
  output.raw(fmt::format(
      "# The token, shown this once. Give it to whoever will use it:\n{}\n\n"
      "# For the server's tokens.yaml, below \"tokens:\"; then SIGHUP (systemctl reload cenote):\n"
      "  - name: {}\n    sha256: {}\n    scopes: [\"{}\"]\n{}",
      token, arguments.name, digest, fmt::join(arguments.scopes, "\", \""),
      arguments.expires.empty() ? "" : fmt::format("    expires: \"{}\"\n", arguments.expires)));
  return 0;
}

}  // namespace cenote
