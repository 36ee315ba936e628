// One question's attempts at the upstream servers, as a pure state machine: events in, the next action out.
// It knows no socket, no clock and no bytes, so its behaviour is a table that tests can walk through.
//
//   try the servers in the order given; a time-out, an unreachable host or a bad answer goes to the next one,
//   around again with a longer wait until the whole question's time is over; a server that has answered badly
//   is not asked again. A truncated answer is asked for again over a stream, from the same server, and what
//   it does not understand in the simple form of RFC 1035.
#pragma once

#include <cstdint>
#include <span>

#include <boost/container/small_vector.hpp>

#include "resolver/base/clock.h"

namespace cenote {

// What a response is worth to the question that waits for it.
enum class ReplyKind : uint8_t {
  kGood,           // NOERROR or NXDOMAIN, whole
  kTruncated,      // TC set
  kNotUnderstood,  // FORMERR, NOTIMP, BADVERS or a bare header to a question with EDNS (RFC 6891 section 7)
  kGarbled,        // a datagram that is no whole message: the true reply may be on its way
  kNonsense,       // likewise over a stream, and so the server's own word
  kBad,  // SERVFAIL, REFUSED or malformed, or not understood in the simple form either: another server
         // may know better
};

class Exchange {
 public:
  struct Candidate {
    uint16_t server = 0;       // index in the pool
    bool stream_only = false;  // TCP, TLS: never UDP
    bool is_simple = false;    // known to understand no EDNS
    milliseconds patience{0};  // how long its answer usually takes at most
  };
  // Few zones have more servers: those need an allocation.
  template <typename T>
  using PerServer = boost::container::small_vector<T, 4>;

  struct Action {
    enum class Kind : uint8_t {
      kSendDatagram,
      kSendStream,
      kPause,
      kWait,
      kSucceed,
      kFail
    } kind = Kind::kWait;
    uint16_t server = 0;
    milliseconds wait{0};  // kSend*, kPause: until on_timeout is due
    bool has_edns = true;  // kSend*
  };

  // The clients' own resolvers give up after 5 s (resolv.conf(5)): an answer after that helps nobody.
  static constexpr milliseconds kTotal{4500};

  Exchange() = default;
  Exchange(std::span<const Candidate> candidates, MonoTime deadline);

  Action start(MonoTime now) { return send(now); }
  // `server`: who answered; possibly one that was asked before and is late.
  Action on_reply(uint16_t server, ReplyKind kind, MonoTime now);
  Action on_timeout(MonoTime now);
  Action on_unreachable(uint16_t server, MonoTime now);  // refused, no route
  // It took the question over a stream and closed: it is there, and may do better after a pause.
  Action on_closed(uint16_t server, MonoTime now);

  [[nodiscard]] unsigned attempts() const noexcept { return attempts_; }
  // It did not understand this question at first.
  [[nodiscard]] bool has_minded(uint16_t server) const noexcept;

 private:
  struct State {
    Candidate candidate;
    bool over = false;              // answered badly: not asked again
    bool use_stream = false;        // after a truncated answer
    bool next_over_stream = false;  // after a garbled one: when it is asked again
    bool is_simple = false;         // asked without EDNS
    bool unreachable = false;       // in this round
    bool has_closed = false;        // likewise

    [[nodiscard]] bool is_out() const noexcept { return over || unreachable; }
  };
  Action send(MonoTime now);
  Action pause(MonoTime now);
  Action begin_round(MonoTime now);
  Action leave(uint16_t server, bool State::*why, MonoTime now);
  [[nodiscard]] State* find(uint16_t server) noexcept;
  Action next(MonoTime now);
  [[nodiscard]] milliseconds patience() const noexcept;

  PerServer<State> states_;
  size_t current_ = 0;
  unsigned round_ = 0;  // how often the list was gone through
  unsigned attempts_ = 0;
  bool is_pausing_ = false;
  MonoTime deadline_;
};

}  // namespace cenote
