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
};

// Names one attempt: which exchange waits, at which server.
struct Attempt {
  Handle exchange;
  uint16_t server = 0;
  bool over_stream = false;
  MonoTime sent;
  unsigned number = 1;  // of the exchange's attempts
};

class TransportEvents {
 public:
  virtual void on_response(const Attempt& attempt, Bytes message) = 0;
  virtual void on_unreachable(const Attempt& attempt) = 0;
  // A datagram that may be forged (see Echo): the question is to go over a stream.
  virtual void on_doubtful(const Attempt& /*attempt*/) {}

 protected:
  ~TransportEvents() = default;
};

// What a query to that kind of server carries beside the question.
struct QueryExtras {
  bool pads = false;        // over an encrypted transport: to a multiple of 128 bytes (RFC 8467 section 4.1)
  bool keeps_open = false;  // over a stream: asks how long an idle connection may stay (RFC 7828)
  LetterCase letter_case{};
  Bytes cookie{};  // RFC 7873
};

// Writes the query message with EDNS; returns its size (at most kMaxQueryBytes).
constexpr size_t kMaxQueryBytes = 512;
size_t write_query(MutableBytes out, const UpstreamQuestion& question, uint16_t id,
                   QueryExtras options = {}) noexcept;
// Is this the reply to that question? Header, question name, type and class; the id is the caller's to check.
bool is_reply_to(Bytes message, const UpstreamQuestion& question) noexcept;

}  // namespace cenote
