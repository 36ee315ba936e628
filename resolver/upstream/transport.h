// How a question reaches one upstream server. Implementations match replies to questions strictly (address,
// port, id, question) and ignore everything else, without ending the wait (RFC 5452 section 9, TuDoor).
#pragma once

#include "resolver/base/clock.h"
#include "resolver/base/slab.h"
#include "resolver/dns/name.h"
#include "resolver/dns/types.h"
#include "resolver/upstream/echo.h"

namespace cenote {

struct UpstreamQuestion {
  Name name;
  uint16_t type = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  bool is_probe = false;  // only whether the server is there counts
};

// Names one attempt: which exchange waits, at which server.
struct Attempt {
  Handle exchange;
  uint16_t server = 0;
  bool over_stream = false;
  bool has_edns = true;  // false: asked in the simple form of RFC 1035
  MonoTime sent;
};

// What became of a question on its way out.
enum class Sending : uint8_t {
  kSent,
  kNoWay,     // the system knows no way to the server
  kHeldBack,  // the system's packet filter let it not out, for a rule or because its table of connections is
              // full
  kNoRoom,    // for want of descriptors, memory or room in a queue
};

class TransportEvents {
 public:
  // False: a datagram that is no whole message, or not understood. The wait goes on, for the true reply may
  // be on its way.
  virtual bool on_response(const Attempt& attempt, Bytes message) = 0;
  virtual void on_unreachable(const Attempt& attempt) = 0;
  // The server took the question and closed the connection, more than once.
  virtual void on_closed(const Attempt& attempt) { on_unreachable(attempt); }
  // A datagram that may be forged (see Echo): the question is to go over a stream.
  virtual void on_doubtful(const Attempt& /*attempt*/) {}

 protected:
  ~TransportEvents() = default;
};

// What a query to that kind of server carries beside the question.
struct QueryExtras {
  bool has_edns = true;     // false: nothing of the rest, but for the letter case
  bool pads = false;        // over an encrypted transport: to a multiple of 128 bytes (RFC 8467 section 4.1)
  bool keeps_open = false;  // over a stream: asks how long an idle connection may stay (RFC 7828)
  LetterCase letter_case{};
  Bytes cookie{};  // RFC 7873
};

// Writes the query message with EDNS; returns its size (at most kMaxQueryBytes).
constexpr size_t kMaxQueryBytes = 512;
size_t write_query(MutableBytes out, const UpstreamQuestion& question, uint16_t id,
                   QueryExtras options = {}) noexcept;
// Is that a reply without question and records? Servers that do not understand a question send such.
bool is_bare_reply(Bytes message) noexcept;
// Is this the reply to that question? Header, question name, type and class, or a bare reply; the id is the
// caller's to check.
bool is_reply_to(Bytes message, const UpstreamQuestion& question) noexcept;

}  // namespace cenote
