// Questions over UDP: from a changing set of sockets, each connected and on its own random port, with random
// ids. Why not one socket a question: opening one costs more than asking. A socket is used for few questions
// and not for long, then replaced, so the port of a given question stays unknown (RFC 5452 section 9.2). One
// worker's.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/net/udp_client.h"
#include "resolver/upstream/transport.h"

namespace cenote {

class UdpTransport final : UdpClient::Handler {
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

  // False: it could not be sent; nothing will be reported.
  bool send(const Attempt& attempt, const UpstreamQuestion& question);
  void cancel(Handle exchange) noexcept;  // no more replies for that exchange are wanted

  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  [[nodiscard]] size_t sockets() const noexcept { return sockets_.size(); }

 private:
  struct Waiting {
    Attempt attempt;
    uint16_t id;
    UpstreamQuestion question;
    LetterCase letter_case{};
  };
  struct Socket {
    std::unique_ptr<UdpClient> client;
    unsigned uses = 0;
    MonoTime opened;
    std::vector<Waiting> waiting;
  };
  void on_reply(UdpClient& client, Bytes datagram) override;
  void on_unreachable(UdpClient& client) override;
  [[nodiscard]] bool is_worn(const Socket& socket) const noexcept;
  Socket* pick();
  Socket* open();
  void retire();
  void on_age();
  [[nodiscard]] Socket* find(const UdpClient& client) noexcept;

  Loop& loop_;
  SocketAddress server_;
  Random& random_;
  TransportEvents& events_;
  Echo* echo_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  Timer aging_;  // runs while there are sockets: none stays for want of another question
  Counters counters_;
};

}  // namespace cenote
