// Questions over UDP: from a changing set of sockets, each connected and on its own random port, with random
// ids. Why not one socket a question: opening one costs more than asking. A socket is used for few questions
// and not for long, then replaced, so the port of a given question stays unknown (RFC 5452 section 9.2). The
// questions of one turn of the loop share a socket and go out in one call. One worker's.
#pragma once

#include <array>
#include <climits>
#include <memory>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/net/udp_client.h"
#include "resolver/upstream/transport.h"

namespace cenote {

// On cache lines of its own: one thread makes those of all workers, one after the other in memory.
class alignas(64) UdpTransport {
 public:
  struct Counters {
    Counter sent;
    Counter replies;
    Counter mismatched;  // wrong id or question: a late reply, or a forger
    Counter doubtful;    // without what this server repeats
  };

  // `echo`: may be null; outlives the transport.
  UdpTransport(Loop& loop, const SocketAddress& server, Random& random, TransportEvents& events,
               Echo* echo = nullptr);
  ~UdpTransport();

  // Goes out with others at the end of the loop's turn. False: it cannot be sent; nothing will be reported.
  // What the network loses later on is silence.
  bool send(const Attempt& attempt, const UpstreamQuestion& question);
  // No more replies for that exchange are wanted, or only those to its attempts after that number.
  void cancel(Handle exchange, unsigned up_to = UINT_MAX) noexcept;

  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  [[nodiscard]] size_t sockets() const noexcept { return sockets_.size(); }

 private:
  class Socket;
  struct Outbox;
  [[nodiscard]] bool is_worn(const Socket& socket) const noexcept;
  Socket* pick();
  Socket* open();
  void retire();
  void on_age();
  void flush() noexcept;

  Loop& loop_;
  SocketAddress server_;
  Random& random_;
  TransportEvents& events_;
  Echo* echo_;
  std::unique_ptr<UdpClient::Inbox> inbox_;
  std::unique_ptr<Outbox> outbox_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  Socket* current_ = nullptr;  // takes this turn's questions
  Timer aging_;                // runs while there are sockets: none stays for want of another question
  Counters counters_;
  TurnEnd turn_end_;
};

}  // namespace cenote
