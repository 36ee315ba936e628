#include "resolver/base/service_manager.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#include <unistd.h>

#include "resolver/base/text.h"

namespace cenote {

void tell_service_manager(std::string_view state) noexcept {
  const char* where = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (where == nullptr || (where[0] != '/' && where[0] != '@') ||
      std::strlen(where) >= sizeof address.sun_path) {
    return;
  }
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, where);
  if (address.sun_path[0] == '@') {
    address.sun_path[0] = '\0';  // in the abstract name space
  }
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) {
    return;
  }
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(where));
  static_cast<void>(::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size));
  ::close(descriptor);
}

std::optional<milliseconds> service_watchdog() noexcept {
  const char* interval = std::getenv("WATCHDOG_USEC");
  const char* whose = std::getenv("WATCHDOG_PID");
  if (interval == nullptr || (whose != nullptr && std::to_string(::getpid()) != whose)) {
    return std::nullopt;
  }
  const auto microseconds = parse_number(interval);
  if (!microseconds || *microseconds == 0) {
    return std::nullopt;
  }
  return milliseconds(static_cast<int64_t>(*microseconds / 1000));
}

}  // namespace cenote
