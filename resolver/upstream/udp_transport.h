// Questions over UDP, each from a port of its own: drawn from the whole range by the CSPRNG, connected, with
// a random id (RFC 5452 section 9.2). Few questions: each opens a socket. Many: a socket that has its answer
// is used again, for a second at most, and never before hundreds of others were. Only when more wait than
// there may be sockets do questions share one. One worker's.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/base/slab.h"
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
    Counter garbled;     // the right id and question, and no whole message, or "not understood"
    Counter doubtful;    // without what this server repeats
  };
  struct Sent {
    Sending result = Sending::kNoRoom;
    Handle question;  // to cancel it
  };

  // `echo`: may be null; outlives the transport.
  UdpTransport(Loop& loop, const SocketAddress& server, Random& random, TransportEvents& events,
               Echo* echo = nullptr);
  ~UdpTransport();

  // Nothing will be reported of what cannot be sent. What the network loses later on is silence.
  Sent send(const Attempt& attempt, const UpstreamQuestion& question);
  // No reply to it is wanted any more.
  void cancel(Handle question) noexcept { let_go(question); }

  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  [[nodiscard]] size_t sockets() const noexcept { return sockets_.size(); }

 private:
  class Socket;
  struct Question {
    Attempt attempt;
    UpstreamQuestion asked;
    LetterCase letter_case;
    Socket* socket;
  };
  [[nodiscard]] bool is_worn(const Socket& socket) const noexcept;
  Socket* pick(int& error);
  Socket* open(int& error);
  Socket* take_rested() noexcept;
  Socket* share() noexcept;
  void let_go(Handle question) noexcept;
  void rest(Socket& socket);
  void close(Socket& socket) noexcept;
  void on_age();

  Loop& loop_;
  SocketAddress server_;
  Random& random_;
  TransportEvents& events_;
  Echo* echo_;
  std::unique_ptr<UdpClient::Inbox> inbox_;
  Slab<Question> questions_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::deque<Socket*> resting_;  // of these: whose questions are answered, longest ago first
  size_t shared_ = 0;            // whose turn it is to be shared
  Timer aging_;                  // runs while there are sockets: none stays for want of another question
  Counters counters_;
};

}  // namespace cenote
