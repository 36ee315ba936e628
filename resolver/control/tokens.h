// Who may use the control API over the network. Tokens are known by their SHA-256 alone: whoever reads the
// file cannot use it. A token has 256 random bits, so a plain hash needs no salt and no slowness.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/clock.h"

namespace cenote {

struct Token {
  std::string name;                 // who, in the record of changes
  std::string sha256;               // hex, lower case
  std::vector<std::string> scopes;  // "read", "push:FEED", "release:FEED", "operate", "admin"; FEED: or *
  std::optional<WallTime> expires;
};

// What a request needs. Admin has everything; operate has read, and every feed's pushes.
enum class Right : uint8_t {
  kNone,  // open to all: /healthz, /metrics
  kRead,
  kPushSome,  // of any feed; the request itself says of which
  kPush,      // of one feed
  kRelease,   // of what a guard holds in one feed
  kOperate,   // exceptions, rollback
};

bool is_scope(std::string_view scope) noexcept;
bool grants(const Token& token, Right right, std::string_view feed) noexcept;

class Tokens {
 public:
  Tokens() = default;
  explicit Tokens(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // The token that "Authorization: Bearer X" shows, if it is known and has not expired.
  [[nodiscard]] const Token* find(std::string_view authorization, WallTime now) const;
  // Whether a token that was found earlier, in these or in others, is still the same sender's and good for
  // it.
  [[nodiscard]] bool still_grant(const Token& token, Right right, WallTime now) const noexcept;

 private:
  std::vector<Token> tokens_;
};

}  // namespace cenote
