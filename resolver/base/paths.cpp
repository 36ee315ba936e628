#include "resolver/base/paths.h"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

namespace cenote {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets the environment
  return value == nullptr ? "" : value;
}

}  // namespace

std::string user_state_dir() {
  // The base directory specification tells to ignore a relative path.
  if (const std::string state = environment("XDG_STATE_HOME"); state.starts_with('/')) {
    return state + "/cenote";
  }
  if (const std::string home = environment("HOME"); home.starts_with('/')) {
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
