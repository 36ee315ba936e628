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

UdpClient::Inbox::Inbox() noexcept {
  for (size_t i = 0; i < kDatagrams; ++i) {
    vectors[i] = {buffers[i].data(), kBytes};
    headers[i] = {{nullptr, 0, &vectors[i], 1, nullptr, 0, 0}, 0};
  }
}

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

void UdpClient::receive() {
  loop_.doing("reading replies of an upstream over UDP");
  bool gone = false;
  gone_ = &gone;
  // Bounded, so that a flood on one socket cannot hold the loop.
  for (int i = 0; i < 2 && receive_some(gone); ++i) {
  }
  if (!gone) {
    gone_ = nullptr;
  }
}

// One batch; true: there may be more, and we are still there.
bool UdpClient::receive_some(const bool& gone) {
  std::array<mmsghdr, Inbox::kDatagrams>& headers = inbox_.headers;
  const int received =
      recvmmsg(descriptor_, headers.data(), static_cast<unsigned>(headers.size()), MSG_DONTWAIT, nullptr);
  if (received < 0) {
    if (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH) {
      handler_.on_unreachable();
      return !gone;
    }
    return errno == EINTR;
  }
  const auto count = static_cast<size_t>(received);
  for (size_t i = 0; i < count && !gone; ++i) {
    handler_.on_reply(Bytes(inbox_.buffers[i]).first(headers[i].msg_len));
  }
  return count == headers.size() && !gone;
}

}  // namespace cenote
