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

UdpClient::Inbox::Inbox() noexcept {
  for (size_t i = 0; i < kDatagrams; ++i) {
    vectors[i] = {buffers[i].data(), kBytes};
    headers[i] = {{nullptr, 0, &vectors[i], 1, nullptr, 0, 0}, 0};
  }
}

Result<std::unique_ptr<UdpClient>> UdpClient::open(Loop& loop, const SocketAddress& server, Random& random,
                                                   Inbox& inbox, Handler& handler) {
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
  std::unique_ptr<UdpClient> client(new UdpClient(loop, descriptor, inbox, handler));
  if (!client->poll_.is_watched()) {
    return fail("watch the socket to {}: the system watches as many as it can", server.to_text());
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

size_t UdpClient::send(std::span<const Bytes> datagrams) noexcept {
  std::array<iovec, Inbox::kDatagrams> vectors;
  std::array<mmsghdr, Inbox::kDatagrams> headers;
  size_t taken = 0;
  bool is_second_try = false;
  for (size_t done = 0; done < datagrams.size();) {
    const size_t count = std::min(datagrams.size() - done, headers.size());
    for (size_t i = 0; i < count; ++i) {
      const Bytes datagram = datagrams[done + i];
      vectors[i] = {const_cast<uint8_t*>(datagram.data()), datagram.size()};
      headers[i] = {{nullptr, 0, &vectors[i], 1, nullptr, 0, 0}, 0};
    }
    const int sent =
        sendmmsg(descriptor_, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      taken += static_cast<size_t>(sent);
      is_second_try = false;
    } else if (!is_second_try) {
      is_second_try = true;  // what failed may have been an earlier datagram: the kernel tells it once
    } else {
      ++done;
      is_second_try = false;
    }
  }
  return taken;
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
