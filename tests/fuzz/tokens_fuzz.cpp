// Any bytes as a file of API tokens: what is read is usable, and what is not is said.
#include "conf/load_tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto loaded = cenote::read_tokens(text, "tokens.yaml");
  for (const cenote::Token& token : loaded.tokens) {
    if (token.name.empty()) {
      __builtin_trap();
    }
  }
  for (const cenote::Problem& problem : loaded.problems) {
    if (problem.text.empty()) {
      __builtin_trap();
    }
  }
  return 0;
}
