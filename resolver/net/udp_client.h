// A UDP socket that asks one server: bound to a random port, connected, so that the kernel lets only that
// server's datagrams through (RFC 5452 sections 9.1 and 9.2). One loop's thread.
#pragma once

#include <memory>

#include "resolver/base/address.h"
#include "resolver/base/random.h"
#include "resolver/base/result.h"
#include "resolver/net/loop.h"

namespace cenote {

class UdpClient {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void on_reply(UdpClient& client, Bytes datagram) = 0;
    // The server's host said that nothing listens there (ICMP), or the network is down.
    virtual void on_unreachable(UdpClient& client) = 0;
  };

  // The handler may destroy the client inside either call.
  static Result<std::unique_ptr<UdpClient>> open(Loop& loop, const SocketAddress& server, Random& random,
                                                 Handler& handler);
  ~UdpClient();
  UdpClient(const UdpClient&) = delete;
  UdpClient& operator=(const UdpClient&) = delete;

  bool send(Bytes datagram) noexcept;

 private:
  UdpClient(Loop& loop, int descriptor, Handler& handler);
  void receive();

  Handler& handler_;
  int descriptor_;
  bool* gone_ = nullptr;  // set while receive() runs: tells it that a callback destroyed us
  Poll poll_;
};

}  // namespace cenote
