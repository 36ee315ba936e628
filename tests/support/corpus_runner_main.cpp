// Feeds every file below the given folders to a fuzz target, so that its corpus runs as an ordinary test
// with any compiler. A missing or empty corpus is a failure: a check that cannot fail is none.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "tests/support/read_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) {
        continue;
      }
      const std::string read = cenote::test::read_file(entry.path());
      const std::vector<char> bytes(read.begin(), read.end());  // a byte too far is one beyond the allocation
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      ++files;
    }
  }
  std::printf("%zu corpus files\n", files);
  return files == 0 ? 1 : 0;
}
