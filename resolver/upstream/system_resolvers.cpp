#include "resolver/upstream/system_resolvers.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr uint16_t kDnsPort = 53;

// A wildcard bind listens on every address of the machine: then no loopback resolver on its port can be
// another's.
bool is_own(const SocketAddress& address, const std::vector<SocketAddress>& own) {
  const bool local = is_loopback(address.address());
  return std::any_of(own.begin(), own.end(), [&](const SocketAddress& listen) {
    const bool wildcard = listen.address() == IpAddress() || listen.address() == *IpAddress::from_text("::");
    return listen == address || (wildcard && local && listen.port() == address.port());
  });
}

// As an address with a port is written; the file has none.
std::string bracketed(std::string_view address) {
  return address.find(':') == std::string_view::npos ? std::string(address) : fmt::format("[{}]", address);
}

}  // namespace

std::vector<SocketAddress> parse_resolv_conf(std::string_view text, const std::vector<SocketAddress>& own) {
  std::vector<SocketAddress> servers;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    if (!line.starts_with("nameserver")) {
      continue;
    }
    const std::string_view rest = trim(line.substr(std::string_view("nameserver").size()));
    const auto server =
        SocketAddress::from_text(bracketed(rest.substr(0, rest.find_first_of(" \t#;"))), kDnsPort);
    const bool lacks_zone =
        server && !server->is_v4() && server->zone() == 0 && is_link_local(server->address());
    if (server && !lacks_zone && !is_own(*server, own)) {
      servers.push_back(*server);
    }
  }
  return servers;
}

UpstreamSettings with_system_resolvers(UpstreamSettings settings, const std::vector<SocketAddress>& own,
                                       const char* path) {
  const bool has_root = std::any_of(settings.zones.begin(), settings.zones.end(),
                                    [](const auto& zone) { return zone.zone.is_root(); });
  if (has_root) {
    return settings;
  }
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  UpstreamZone root;
  for (const SocketAddress& address : parse_resolv_conf(text, own)) {
    root.servers.emplace_back().address = address;
  }
  if (!root.servers.empty()) {
    settings.zones.push_back(std::move(root));
  }
  return settings;
}

}  // namespace cenote
