// A UDP socket that asks one server: bound to a random port, connected, so that the kernel lets only that
// server's datagrams through (RFC 5452 sections 9.1 and 9.2). One loop's thread.
#pragma once

#include <array>
#include <memory>

#include <sys/socket.h>

#include "resolver/base/address.h"
#include "resolver/base/random.h"
#include "resolver/net/loop.h"

namespace cenote {

// On cache lines of its own, as those who have it.
class alignas(64) UdpClient {
 public:
  // Where a datagram is read into: the clients of one thread share one, for each is read in turn. Larger than
  // any answer we ask for (1232), so that a liar's long one is seen whole and judged.
  struct alignas(64) Inbox {
    std::array<uint8_t, 4096 + 64> bytes;
  };
  class Handler {
   public:
    virtual ~Handler() = default;
    // True: more datagrams are waited for here.
    virtual bool on_reply(Bytes datagram) = 0;
    // The server's host said that nothing listens there (ICMP), or the network is down.
    virtual void on_unreachable() = 0;
  };

  // The handler may destroy the client inside either call. The inbox outlives it. Null: `error` is why, an
  // errno.
  static std::unique_ptr<UdpClient> open(Loop& loop, const SocketAddress& server, Random& random,
                                         Inbox& inbox, Handler& handler, int& error);
  ~UdpClient();
  UdpClient(const UdpClient&) = delete;
  UdpClient& operator=(const UdpClient&) = delete;

  // 0: the kernel took it; else the errno.
  int send(Bytes datagram) noexcept;

 private:
  UdpClient(Loop& loop, int descriptor, Inbox& inbox, Handler& handler);
  static constexpr int kMostInOneTurn = 32;
  void receive();
  bool receive_one();

  Loop& loop_;
  Inbox& inbox_;
  Handler& handler_;
  int descriptor_;
  bool* gone_ = nullptr;  // set while receive() runs: tells it that a callback destroyed us
  Poll poll_;
};

}  // namespace cenote
