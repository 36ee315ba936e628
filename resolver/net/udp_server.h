// A UDP socket that serves: receives in batches, lets each datagram be answered in place, sends in batches,
// and always answers from the address that was asked, also on wildcard binds (RFC 2181 section 4). One loop's
// thread.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/base/counters.h"
#include "resolver/base/result.h"
#include "resolver/net/fair_share.h"
#include "resolver/net/loop.h"

struct mmsghdr;

namespace cenote {

// Where a datagram came from and which of our addresses it was sent to: all that a late reply needs.
struct UdpPeer {
  SocketAddress client;
  // The packet-information control message (IP_PKTINFO, IPV6_PKTINFO), ready to be sent back.
  alignas(8) std::array<uint8_t, 40> control{};
  uint8_t control_size = 0;
};

// On cache lines of its own: what lies beside it in memory may be read by other threads for each question.
class alignas(64) UdpServer {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // `buffer` begins with the datagram's `size` bytes; the reply is written over it. Returns the reply's
    // size; 0: none now. Must not throw.
    virtual size_t on_datagram(const UdpPeer& peer, MutableBytes buffer, size_t size) noexcept = 0;
  };

  struct Counters {
    Counter received;
    Counter sent;
    Counter send_failed;  // the kernel would not take it: the client will ask again
    Counter passed_over;  // not served, because its client floods a worker that is behind
  };

  // Binds with SO_REUSEPORT, so that each worker has its own socket on the same address.
  static Result<std::unique_ptr<UdpServer>> bind(Loop& loop, const SocketAddress& address, Handler& handler);
  ~UdpServer();
  UdpServer(const UdpServer&) = delete;
  UdpServer& operator=(const UdpServer&) = delete;

  void start();  // begins to receive
  void stop();   // receives no more; what the kernel still holds can be served by drain()
  void drain();  // serves what has arrived, without waiting
  // A late reply: goes out with others at the end of the loop's turn, or at once where it is large.
  void send(const UdpPeer& peer, Bytes reply) noexcept;

  [[nodiscard]] const SocketAddress& local() const noexcept { return local_; }
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

 private:
  struct Batch;
  struct Outbox;
  UdpServer(Loop& loop, int descriptor, Handler& handler);
  void serve_turn() noexcept;
  bool serve_batch() noexcept;  // true: there may be more
  void send_batch(mmsghdr* headers, size_t count) noexcept;
  void flush() noexcept;

  Loop& loop_;
  Handler& handler_;
  int descriptor_;
  SocketAddress local_;
  std::unique_ptr<Batch> batch_;
  std::unique_ptr<Outbox> outbox_;
  FairShare fair_share_;
  TurnEnd turn_end_;
  std::unique_ptr<Poll> poll_;
  Counters counters_;
};

}  // namespace cenote
