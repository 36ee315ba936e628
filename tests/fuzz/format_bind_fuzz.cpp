#include "tests/fuzz/format_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  return cenote::test::fuzz_format("bind", bytes, size);
}
