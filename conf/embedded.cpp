#include "conf/embedded.h"

#include <filesystem>
#include <fstream>
#include <string_view>

#include "conf/load_yaml.h"
#include "resolver/base/state_lock.h"

namespace cenote {

// Made by CMake from conf/embedded.yaml and conf/feeds/sample.txt.
extern const std::string_view kEmbeddedConfiguration;
extern const std::string_view kEmbeddedSampleFeed;

Result<LoadedSettings> embedded_settings(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code failed;
  if (auto made = make_state_folder(folder); !made) {  // before anything is written into another user's
    return made.error().within("state folder");
  }
  fs::create_directories(fs::path(folder) / "feeds", failed);
  if (failed) {
    return fail("cannot make the state folder {}: {}", folder, failed.message());
  }
  const fs::path feed = fs::path(folder) / "feeds" / "sample.txt";
  if (!fs::exists(feed, failed) && !(std::ofstream(feed) << kEmbeddedSampleFeed).flush()) {
    return fail("cannot write the sample feed {}", feed.string());
  }
  return read_settings(kEmbeddedConfiguration, "(embedded configuration)", folder);
}

}  // namespace cenote
