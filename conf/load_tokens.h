// Reads the file of API tokens (docs/control-api.md, "Tokens"). Start-up and reload only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/settings.h"
#include "resolver/control/tokens.h"

namespace cenote {

struct LoadedTokens {
  std::vector<Token> tokens;  // those without an error
  std::vector<Problem> problems;
};

// A file that is not there holds no tokens, and that is no problem; one that another user owns or may write
// is.
LoadedTokens load_tokens(const std::string& path);
LoadedTokens read_tokens(std::string_view yaml, const std::string& file);

}  // namespace cenote
