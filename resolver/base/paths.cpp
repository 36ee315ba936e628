#include "resolver/base/paths.h"

#include <array>
#include <cstdlib>
#include <filesystem>

#include <pwd.h>
#include <unistd.h>

namespace cenote {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets the environment
  return value == nullptr ? "" : value;
}

// The home that the system knows of this user; empty where there is none that could be used.
std::string home_of_user() {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return "";
  }
  const std::string home = found->pw_dir;
  std::error_code failed;
  return home.size() > 1 && home.starts_with('/') && std::filesystem::is_directory(home, failed) ? home : "";
}

}  // namespace

// Never a folder that another user could have made first.
std::string user_state_dir() {
  // The base directory specification tells to ignore a relative path.
  if (const std::string state = environment("XDG_STATE_HOME"); state.starts_with('/')) {
    return state + "/cenote";
  }
  if (const std::string home = environment("HOME"); home.starts_with('/')) {
    return home + "/.local/state/cenote";
  }
  if (const std::string home = home_of_user(); !home.empty()) {
    return home + "/.local/state/cenote";
  }
  return "/var/lib/cenote";
}

std::string default_control_socket() {
  if (std::string socket = environment("CENOTE_SOCKET"); !socket.empty()) {
    return socket;
  }
  constexpr const char* kService = "/run/cenote/control.sock";
  std::error_code failed;
  return std::filesystem::exists(kService, failed) ? kService : user_state_dir() + "/control.sock";
}

}  // namespace cenote
