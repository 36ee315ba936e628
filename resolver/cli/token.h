// `cenote token create`: a new token for the control API. Offline: the server learns of it from its file.
#pragma once

#include <string>
#include <vector>

#include "resolver/cli/output.h"

namespace cenote {

struct TokenArguments {
  std::string name;
  std::vector<std::string> scopes;
  std::string expires;  // a date or time, or empty: never
  bool is_json = false;
};

// Shows the token, once, and the lines for tokens.yaml, which hold only its SHA-256. 2: an argument is wrong.
int create_token(Output& output, const TokenArguments& arguments);

}  // namespace cenote
