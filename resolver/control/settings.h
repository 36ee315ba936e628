// Where the control API listens and who may use it. Filled by conf/.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/base/clock.h"

namespace cenote {

// How bodies come in: lists, and changes that are larger than a few kilobytes.
struct UploadSettings {
  size_t at_once = 16;        // of each kind; a list may fill 256 MiB of the disk, a change 4 MiB of memory
  seconds time{900};          // for the whole of one: 256 MiB at 290 KiB/s
  uint64_t rate = 16U << 10;  // bytes a second at least, after its first half minute: half of a slow DSL line

  bool operator==(const UploadSettings&) const = default;
};

struct ControlSettings {
  std::string socket = "/run/cenote/control.sock";  // whoever may open it may do everything
  std::vector<SocketAddress> http{*SocketAddress::from_text("127.0.0.1:8053")};
  std::vector<SocketAddress> https;  // the same over TLS, with this certificate
  std::string certificate;
  std::string key;
  std::string client_ca;  // only clients with a certificate of this CA; empty: all, with tokens
  std::string tokens = "/etc/cenote/tokens.yaml";  // absent: only /metrics, /healthz and /readyz over `http`
  // Names under which /metrics, /healthz and /readyz are asked for, beside addresses and "localhost"; in
  // small letters.
  std::vector<std::string> hosts;
  UploadSettings uploads;

  bool operator==(const ControlSettings&) const = default;
};

}  // namespace cenote
