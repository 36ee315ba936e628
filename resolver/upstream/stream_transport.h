// Questions over TCP or TLS: one kept connection to a server, questions pipelined, answers in any order (RFC
// 7766 section 6.2, RFC 7858). Opened when first needed, closed after a while without work. A connection that
// stays silent while questions wait, or that ends after it has worked, is replaced and its questions are
// asked again: the server may be well, and a half-dead connection would eat every question that follows. One
// worker's.
#pragma once

#include <memory>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/base/random.h"
#include "resolver/net/frame.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"
#include "resolver/upstream/transport.h"

namespace cenote {

class TlsContext;

class StreamTransport final : StreamEvents {
 public:
  // `tls`: null for plain TCP; outlives the transport.
  StreamTransport(Loop& loop, const SocketAddress& server, TlsContext* tls, Random& random,
                  TransportEvents& events);
  ~StreamTransport();

  bool send(const Attempt& attempt, const UpstreamQuestion& question);
  void cancel(Handle exchange) noexcept;

  [[nodiscard]] uint64_t connections() const noexcept { return connections_.value(); }

 private:
  struct Waiting {
    Attempt attempt;
    uint16_t id;
    UpstreamQuestion question;
  };
  void on_bytes(Bytes bytes) override;
  void on_closed(StreamEnd end, std::string_view why) override;
  void on_message(Bytes message);
  void connect();
  bool transmit(const Waiting& waiting);
  void replace_connection();
  void drop_connection();

  Loop& loop_;
  SocketAddress server_;
  TlsContext* tls_;
  Random& random_;
  TransportEvents& events_;
  std::unique_ptr<Stream> stream_;
  FrameReader frames_;
  std::vector<Waiting> waiting_;
  bool has_answered_ = false;  // this connection
  Timer idle_;
  Timer silence_;  // runs from the first question after the last sign of life
  Counter connections_;
};

}  // namespace cenote
