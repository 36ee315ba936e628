#include "conf/load_tokens.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "conf/sections.h"
#include "resolver/base/files.h"

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
  const size_t problems = findings.count();
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
  if (findings.count() == problems) {
    loaded.tokens.push_back(std::move(token));
  }
}

std::string unreadable(int error) {
  return fmt::format("cannot read the tokens: {}", std::strerror(error));
}

// Why another user may have written what this file says; empty: nobody else could. The opened file is asked,
// not its name, which may be another's a moment later.
std::string distrust(int file) {
  struct stat status {};
  if (fstat(file, &status) != 0) {
    return unreadable(errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return "cannot read the tokens: not a file";
  }
  if (!is_own_or_root(status.st_uid)) {
    return fmt::format("this file belongs to user {}, so its tokens mean nothing; chown it to root",
                       status.st_uid);
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return "everybody may write this file, so its tokens mean nothing; chmod o-w";
  }
  // Who is in the process's own group has the control socket.
  if ((status.st_mode & S_IWGRP) != 0 && status.st_gid != getegid() && status.st_gid != 0) {
    return fmt::format("group {} may write this file, so its tokens mean nothing; chmod g-w", status.st_gid);
  }
  return "";
}

// The error in words, or nothing.
std::string read_all(int file, std::string& text) {
  constexpr size_t kMost = size_t{1} << 20;  // thousands of tokens; a device has no end
  std::array<char, 4096> piece;
  while (true) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0 && errno != EINTR) {
      return unreadable(errno);
    }
    if (got == 0) {
      return "";
    }
    text.append(piece.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (text.size() > kMost) {
      return fmt::format("more than {} bytes of tokens", kMost);
    }
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
  // Nobody waits for the writer of a pipe that stands where the tokens belong.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 && errno == ENOENT) {
    return {};
  }
  std::string text;
  std::string problem = file < 0 ? unreadable(errno) : distrust(file);
  if (problem.empty()) {
    problem = read_all(file, text);
  }
  if (file >= 0) {
    ::close(file);
  }
  return problem.empty() ? read_tokens(text, path) : LoadedTokens{{}, {{path, 0, 0, problem}}};
}

}  // namespace cenote
