#include "resolver/net/udp_client.h"

#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>

#include <unistd.h>

#include "resolver/base/descriptors.h"

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

std::unique_ptr<UdpClient> UdpClient::open(Loop& loop, const SocketAddress& server, Random& random,
                                           Inbox& inbox, Handler& handler, int& error) {
  const int descriptor =
      socket(server.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    error = errno;
    return nullptr;
  }
  if (descriptor >= first_reserved_descriptor()) {
    error = EMFILE;
    ::close(descriptor);
    return nullptr;
  }
  if (!bind_random_port(descriptor, server.is_v4(), random) ||
      connect(descriptor, server.data(), server.size()) != 0) {
    error = errno;
    ::close(descriptor);
    return nullptr;
  }
  std::unique_ptr<UdpClient> client(new UdpClient(loop, descriptor, inbox, handler));
  if (!client->poll_.is_watched()) {
    error = ENOSPC;  // the system watches as many as it can
    return nullptr;
  }
  return client;
}

UdpClient::UdpClient(Loop& loop, int descriptor, Inbox& inbox, Handler& handler)
    : loop_(loop),
      inbox_(inbox),
      handler_(handler),
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

int UdpClient::send(Bytes datagram) noexcept {
  const auto try_to = [&] {
    return ::send(descriptor_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0
                                                                                                   : errno;
  };
  // What fails first may have been an earlier datagram: the kernel tells it once.
  return try_to() == 0 ? 0 : try_to();
}

// Mostly one question waits here, for one reply. What else there is waits for the next turn, so that a flood
// on one socket cannot hold the loop.
void UdpClient::receive() {
  loop_.doing("reading replies of an upstream over UDP");
  bool gone = false;
  gone_ = &gone;
  for (int i = 0; i < kMostInOneTurn && !gone && receive_one(); ++i) {
  }
  if (!gone) {
    gone_ = nullptr;
  }
}

// True: it was full of others' datagrams, and there may be the one that is waited for.
bool UdpClient::receive_one() {
  const ssize_t received = ::recv(descriptor_, inbox_.bytes.data(), inbox_.bytes.size(), MSG_DONTWAIT);
  if (received >= 0) {
    return handler_.on_reply(Bytes(inbox_.bytes).first(static_cast<size_t>(received)));
  }
  if (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH) {
    handler_.on_unreachable();
  }
  return false;
}

}  // namespace cenote
