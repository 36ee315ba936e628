// Who may say for whom it asks (PROXY protocol): load balancers in front of this server. From them each
// datagram and each connection must begin with a header, before TLS; from others none may.
#pragma once

#include <algorithm>
#include <vector>

#include "resolver/net/proxy_header.h"

namespace cenote {

class Proxies {
 public:
  Proxies() = default;
  explicit Proxies(std::vector<Prefix> senders) : senders_(std::move(senders)) {}

  [[nodiscard]] bool exist() const noexcept { return !senders_.empty(); }
  [[nodiscard]] bool include(const IpAddress& sender) const noexcept {
    return std::any_of(senders_.begin(), senders_.end(),
                       [&](const Prefix& block) { return block.contains(sender); });
  }

 private:
  std::vector<Prefix> senders_;
};

// How a listed balancer's connection begins, until its header has come whole. One connection's.
class ProxyOpening {
 public:
  ProxyStatus take(Bytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return parse_proxy_header(bytes_, header_);
  }
  // After kOk.
  [[nodiscard]] const ProxyHeader& header() const noexcept { return header_; }
  [[nodiscard]] Bytes rest() const noexcept { return Bytes(bytes_).subspan(header_.size); }

 private:
  std::vector<uint8_t> bytes_;
  ProxyHeader header_;
};

}  // namespace cenote
