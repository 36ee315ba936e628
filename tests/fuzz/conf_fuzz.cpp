#include <cstddef>
#include <cstdint>
#include <string_view>

#include "conf/load_yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const auto loaded =
      cenote::read_settings({reinterpret_cast<const char*>(bytes), size}, "fuzz.yaml", "/nonexistent");
  for (const cenote::Problem& problem : loaded.problems) {
    if (cenote::to_text(problem).empty()) {
      __builtin_trap();
    }
  }
  return 0;
}
