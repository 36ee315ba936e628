#include "resolver/listen/udp_listener.h"

namespace cenote {

Result<std::unique_ptr<UdpListener>> UdpListener::open(Loop& loop, const SocketAddress& address,
                                                       Pipeline& pipeline, Proxies proxies) {
  std::unique_ptr<UdpListener> listener(new UdpListener(pipeline, std::move(proxies)));
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
  ReplyPath path(*this, Transport::kUdp, peer);
  if (proxies_.exist()) {
    const auto left = take_header(path, buffer, size);
    if (!left) {
      pipeline_.count_bad_proxy();
      return 0;
    }
    size = *left;
  }
  return pipeline_.on_message(path, buffer, size);
}

// Takes a proxy's header off the front and gives the size of what is left; nullopt: the datagram is not to be
// believed.
std::optional<size_t> UdpListener::take_header(ReplyPath& path, MutableBytes buffer, size_t size) noexcept {
  const Bytes datagram = buffer.first(size);
  if (!proxies_.include(path.peer.client.address())) {
    return has_proxy_signature(datagram) ? std::nullopt : std::optional(size);
  }
  ProxyHeader header;
  if (parse_proxy_header(datagram, header) != ProxyStatus::kOk) {
    return std::nullopt;
  }
  if (!header.is_local) {
    path.behind_proxy = header.client;
  }
  const size_t left = size - header.size;
  std::memmove(buffer.data(), buffer.data() + header.size, left);
  return left;
}

void UdpListener::reply(const ReplyPath& path, Bytes message) noexcept {
  if (!message.empty()) {
    server_->send(path.peer, message);
  }
}

}  // namespace cenote
