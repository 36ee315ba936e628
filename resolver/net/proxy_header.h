// The header of the PROXY protocol, version 2, in which a load balancer says for whom it speaks (HAProxy's
// "The PROXY protocol", section 2.2). Pure: bytes in. Whose header is believed is the listeners' business.
#pragma once

#include "resolver/base/address.h"

namespace cenote {

struct ProxyHeader {
  size_t size = 0;        // bytes; what is behind them is the client's
  bool is_local = false;  // the sender speaks for itself, as its health checks do
  SocketAddress client;   // unless local
};

enum class ProxyStatus : uint8_t {
  kOk,
  kIncomplete,  // more bytes are needed; so far it is one
  kMalformed,   // none, or one that names no IPv4 or IPv6 client
};

// Longer ones, with type-length-values of kilobytes, are nobody's.
constexpr size_t kMostProxyHeader = 2048;

ProxyStatus parse_proxy_header(Bytes bytes, ProxyHeader& out) noexcept;
// Do these bytes begin with the whole signature? No question does: as a datagram it would be an inverse query
// (RFC 3425), in a stream one of 2641 questions.
bool has_proxy_signature(Bytes bytes) noexcept;

}  // namespace cenote
