#include "conf/load_tokens.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "conf/sections.h"

namespace cenote {
namespace {

ValueKind<std::string> hex_digest() {
  return {"the token's SHA-256, 64 hexadecimal digits",
          [](std::string_view text) -> std::optional<std::string> {
            const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
            if (text.size() != 64 || !std::all_of(text.begin(), text.end(), is_hex)) {
              return std::nullopt;
            }
            return std::string(text);
          }};
}

ValueKind<std::string> scope() {
  return {"one of read, push:FEED, release:FEED, operate, admin (FEED: or *)", [](std::string_view text) {
            return is_scope(text) ? std::optional(std::string(text)) : std::nullopt;
          }};
}

void read_token(MapReader& map, LoadedTokens& loaded, std::set<std::string>& names, Findings& findings) {
  Token token;
  WallTime expires;
  const size_t problems = loaded.problems.size();
  map.value("name", token.name, any_text(60));
  map.value("sha256", token.sha256, hex_digest());
  map.list("scopes", token.scopes, scope());
  if (map.value("expires", expires, point_in_time())) {
    token.expires = expires;
  }
  for (const char* key : {"name", "sha256", "scopes"}) {
    if (!map.has(key)) {
      findings.error(map.at(), fmt::format("{} is missing", map.path_of(key)));
    }
  }
  if (!token.name.empty() && !names.insert(token.name).second) {
    findings.error(map.at("name"), fmt::format("the token '{}' is there already", token.name));
  }
  map.finish();  // a misspelt "expires" must not make a token that never does
  if (loaded.problems.size() == problems) {
    loaded.tokens.push_back(std::move(token));
  }
}

}  // namespace

LoadedTokens read_tokens(std::string_view yaml, const std::string& file) {
  LoadedTokens loaded;
  Findings findings(file, loaded.problems);
  const YamlDocument document = parse_yaml(yaml);
  for (const YamlProblem& problem : document.problems) {
    findings.error(problem.at, problem.text);
  }
  MapReader root(document.root, "", findings);
  std::set<std::string> names;
  read_each(root, "tokens", findings, [&](MapReader& map) { read_token(map, loaded, names, findings); });
  root.finish();
  return loaded;
}

LoadedTokens load_tokens(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const auto status = fs::status(path, failed);
  if (!fs::exists(status)) {
    return {};
  }
  if ((status.permissions() & fs::perms::others_write) != fs::perms::none) {
    return {{}, {{path, 0, 0, "everybody may write this file, so its tokens mean nothing; chmod o-w"}}};
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || (in.peek() != std::ifstream::traits_type::eof() && !(text << in.rdbuf()))) {
    return {{}, {{path, 0, 0, fmt::format("cannot read the tokens: {}", std::strerror(errno))}}};
  }
  return read_tokens(text.str(), path);
}

}  // namespace cenote
