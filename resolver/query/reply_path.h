// How an answer finds its way back to the client, now or after a wait.
#pragma once

#include <optional>

#include "resolver/base/slab.h"
#include "resolver/events/event.h"
#include "resolver/net/udp_server.h"
#include "resolver/policy/clients.h"

namespace cenote {

struct ReplyPath;

// A listener. It lives as long as its worker, so a path may keep a pointer to it across a wait; what may go
// meanwhile (a connection) is named by a handle.
class ReplySink {
 public:
  // Comes exactly once for each query that had to wait (Pipeline::promised()), whatever becomes of it, unless
  // it was abandoned. An empty message: policy wants silence, and nothing else will follow.
  virtual void reply(const ReplyPath& path, Bytes message) noexcept = 0;

 protected:
  ~ReplySink() = default;
};

struct ReplyPath {
  ReplyPath() noexcept {}
  // Not an aggregate: that would clear all its bytes first, for each datagram.
  ReplyPath(ReplySink& listener, Transport used, const UdpPeer& sender) noexcept
      : sink(&listener), transport(used), peer(sender) {}

  ReplySink* sink = nullptr;
  Transport transport = Transport::kUdp;
  UdpPeer peer;            // UDP: where to; on every transport who has sent it
  Handle connection;       // streams
  uint16_t keepalive = 0;  // TCP, DoT: for how long an idle connection is kept, in 100 ms (RFC 7828)

  std::optional<SocketAddress> behind_proxy = {};  // the client for whom a listed proxy has sent it
  ClientName client_name = {};                     // where it says who it is
  bool has_certificate = false;                    // and proves it

  [[nodiscard]] const SocketAddress& client() const noexcept {
    return behind_proxy ? *behind_proxy : peer.client;
  }
};

}  // namespace cenote
