#include "resolver/net/udp_client.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include <unistd.h>

namespace cenote {
namespace {

// A port from the whole unprivileged range, by the CSPRNG: the kernel's own choice is a smaller range. When
// ten draws are taken the kernel may choose.
bool bind_random_port(int descriptor, bool v4, Random& random) {
  const IpAddress any = v4 ? IpAddress{} : *IpAddress::from_text("::");
  for (int i = 0; i < 10; ++i) {
    const SocketAddress local(any, static_cast<uint16_t>(1024 + random.below(65536 - 1024)));
    if (bind(descriptor, local.data(), local.size()) == 0) {
      return true;
    }
    if (errno != EADDRINUSE && errno != EACCES) {
      return false;
    }
  }
  const SocketAddress local(any, 0);
  return bind(descriptor, local.data(), local.size()) == 0;
}

}  // namespace

Result<std::unique_ptr<UdpClient>> UdpClient::open(Loop& loop, const SocketAddress& server, Random& random,
                                                   Handler& handler) {
  const int descriptor =
      socket(server.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return fail("open a socket to {}: {}", server.to_text(), std::strerror(errno));
  }
  if (!bind_random_port(descriptor, server.is_v4(), random) ||
      connect(descriptor, server.data(), server.size()) != 0) {
    const int why = errno;
    ::close(descriptor);
    return fail("reach {} (UDP): {}", server.to_text(), std::strerror(why));
  }
  return std::unique_ptr<UdpClient>(new UdpClient(loop, descriptor, handler));
}

UdpClient::UdpClient(Loop& loop, int descriptor, Handler& handler)
    : handler_(handler),
      descriptor_(descriptor),
      poll_(
          loop, descriptor, [](void* context, bool, bool) { static_cast<UdpClient*>(context)->receive(); },
          this) {
  poll_.watch(true, false);
}

UdpClient::~UdpClient() {
  if (gone_ != nullptr) {
    *gone_ = true;
  }
  poll_.watch(false, false);
  ::close(descriptor_);
}

bool UdpClient::send(Bytes datagram) noexcept {
  return ::send(descriptor_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void UdpClient::receive() {
  // Larger than any answer we ask for (1232), so that a liar's long one is seen whole and judged.
  std::array<uint8_t, 4096> buffer;
  bool gone = false;
  gone_ = &gone;
  // Bounded, so that a flood on one socket cannot hold the loop.
  for (int i = 0; i < 32 && !gone; ++i) {
    const ssize_t size = recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size >= 0) {
      handler_.on_reply(*this, Bytes(buffer).first(static_cast<size_t>(size)));
    } else if (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH) {
      handler_.on_unreachable(*this);
    } else if (errno != EINTR) {
      break;
    }
  }
  if (!gone) {
    gone_ = nullptr;
  }
}

}  // namespace cenote
