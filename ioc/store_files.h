// How the files of the state folder are named. For ioc/store*.cpp alone.
#pragma once

#include <string>
#include <string_view>

namespace cenote::store_files {

constexpr std::string_view kSnapshot = "snapshot-";
constexpr std::string_view kJournal = "journal-";

inline std::string manifest(const std::string& folder) {
  return folder + "/manifest.json";
}
inline std::string previous_manifest(const std::string& folder) {
  return folder + "/manifest.previous.json";
}
inline std::string contents(const std::string& folder) {
  return folder + "/contents";
}

}  // namespace cenote::store_files
