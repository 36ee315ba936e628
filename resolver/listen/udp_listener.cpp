#include "resolver/listen/udp_listener.h"

namespace cenote {

Result<std::unique_ptr<UdpListener>> UdpListener::open(Loop& loop, const SocketAddress& address,
                                                       Pipeline& pipeline) {
  std::unique_ptr<UdpListener> listener(new UdpListener(pipeline));
  auto server = UdpServer::bind(loop, address, *listener);
  if (!server) {
    return server.error();
  }
  listener->server_ = std::move(*server);
  return listener;
}

size_t UdpListener::on_datagram(const UdpPeer& peer, MutableBytes buffer, size_t size) noexcept {
  // Nobody can be answered at port 0.
  if (peer.client.port() == 0) {
    return 0;
  }
  const ReplyPath path{this, Transport::kUdp, peer, {}};
  return pipeline_.on_message(path, buffer, size);
}

void UdpListener::reply(const ReplyPath& path, Bytes message) noexcept {
  server_->send(path.peer, message);
}

}  // namespace cenote
