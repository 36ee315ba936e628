// Where the control API listens and who may use it. Filled by conf/.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/address.h"

namespace cenote {

struct ControlSettings {
  std::string socket = "/run/cenote/control.sock";  // whoever may open it may do everything
  std::vector<SocketAddress> http{*SocketAddress::from_text("127.0.0.1:8053")};
  std::vector<SocketAddress> https;  // the same over TLS, with this certificate
  std::string certificate;
  std::string key;
  std::string client_ca;  // only clients with a certificate of this CA; empty: all, with tokens
  std::string tokens = "/etc/cenote/tokens.yaml";  // absent: only /metrics and /healthz over `http`

  bool operator==(const ControlSettings&) const = default;
};

}  // namespace cenote
