// One question's attempts at the upstream servers, as a pure state machine: events in, the next action out.
// It knows no socket, no clock and no bytes, so its behaviour is a table that tests can walk through.
//
//   try the servers in the order given; a time-out, an unreachable host or a bad answer goes to the next one,
//   around again with a longer wait until the whole question's time is over; a server that has answered badly
//   is not asked again; a truncated answer is asked for again over a stream, from the same server.
#pragma once

#include <cstdint>
#include <span>

#include <boost/container/small_vector.hpp>

#include "resolver/base/clock.h"

namespace cenote {

// What a response is worth to the question that waits for it.
enum class ReplyKind : uint8_t {
  kGood,       // NOERROR or NXDOMAIN, whole
  kTruncated,  // TC set
  kBad,        // SERVFAIL, REFUSED, NOTIMP, FORMERR or malformed: another server may know better
};

class Exchange {
 public:
  struct Candidate {
    uint16_t server = 0;       // index in the pool
    bool stream_only = false;  // TCP, TLS: never UDP
    milliseconds patience{0};  // how long its answer usually takes at most
  };
  // Few zones have more servers: those need an allocation.
  template <typename T>
  using PerServer = boost::container::small_vector<T, 4>;

  struct Action {
    enum class Kind : uint8_t { kSendDatagram, kSendStream, kWait, kSucceed, kFail } kind = Kind::kWait;
    uint16_t server = 0;
    milliseconds wait{0};  // kSend*: until on_timeout is due
  };

  // The clients' own resolvers give up after 5 s (resolv.conf(5)): an answer after that helps nobody.
  static constexpr milliseconds kTotal{4500};

  Exchange() = default;
  Exchange(std::span<const Candidate> candidates, MonoTime now);

  Action start(MonoTime now) { return send(now); }
  // `server`: who answered; possibly one that was asked before and is late.
  Action on_reply(uint16_t server, ReplyKind kind, MonoTime now);
  Action on_timeout(MonoTime now);
  Action on_unreachable(uint16_t server, MonoTime now);  // refused, reset, no route

  [[nodiscard]] unsigned attempts() const noexcept { return attempts_; }

 private:
  struct State {
    Candidate candidate;
    bool over = false;         // answered badly: not asked again
    bool use_stream = false;   // after a truncated answer
    bool unreachable = false;  // in this round
  };
  Action send(MonoTime now);
  Action next(MonoTime now);
  [[nodiscard]] milliseconds patience() const noexcept;

  PerServer<State> states_;
  size_t current_ = 0;
  unsigned round_ = 0;  // how often the list was gone through
  unsigned attempts_ = 0;
  MonoTime deadline_;
};

}  // namespace cenote
