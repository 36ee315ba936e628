#include "tests/support/feeds_folder.h"

#include <cstdlib>

namespace cenote::test {

std::optional<std::filesystem::path> feeds_folder() {
  const char* named = std::getenv("CENOTE_FEEDS");
  std::filesystem::path folder = named != nullptr ? named : CENOTE_SOURCE_DIR "/../shared/feeds";
  if (!std::filesystem::is_directory(folder)) {
    return std::nullopt;
  }
  return folder;
}

}  // namespace cenote::test
