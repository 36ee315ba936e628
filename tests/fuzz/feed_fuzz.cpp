// Every feed format: the first line of the input names the format, the rest is the feed.
#include <algorithm>

#include "tests/fuzz/format_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const size_t end = std::min(input.find('\n'), size);
  const size_t body = std::min(end + 1, size);
  return cenote::test::fuzz_format(input.substr(0, end), bytes + body, size - body);
}
