// Questions over TCP, TLS or HTTPS: one kept connection to a server, questions pipelined, answers in any
// order (RFC 7766 section 6.2, RFC 7858, RFC 8484). Opened when first needed, closed after a while without
// work. A connection that stays silent while questions wait, or that ends after it has worked, is replaced
// and its questions are asked again: the server may be well, and a half-dead connection would eat every
// question that follows. One worker's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/base/random.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"
#include "resolver/upstream/carrier.h"
#include "resolver/upstream/transport.h"

namespace cenote {

class TlsContext;

// Where DNS over HTTPS is served; messages are framed where there is none.
struct HttpEndpoint {
  std::string authority;
  std::string path;
};

class StreamTransport final : StreamEvents {
 public:
  // `tls`: null for plain TCP; outlives the transport. So does `echo`, which may be null.
  StreamTransport(Loop& loop, const SocketAddress& server, TlsContext* tls, Random& random,
                  TransportEvents& events, std::optional<HttpEndpoint> http = std::nullopt,
                  Echo* echo = nullptr);
  ~StreamTransport();

  bool send(const Attempt& attempt, const UpstreamQuestion& question);
  void cancel(Handle exchange) noexcept;

  [[nodiscard]] uint64_t connections() const noexcept { return connections_.value(); }
  [[nodiscard]] bool is_connected() const noexcept { return stream_ != nullptr; }

 private:
  struct Waiting {
    Attempt attempt;
    UpstreamQuestion question;
    uint16_t id = 0;
    uint32_t key = 0;  // by which the carrier knows its answer
    LetterCase letter_case{};
  };
  void on_ready() override;
  void on_bytes(Bytes bytes) override;
  void on_closed(StreamEnd end, std::string_view why) override;
  void on_arrived(const Carrier::Arrived& arrived);
  void connect();
  bool transmit(Waiting& waiting);
  bool flush();
  void listen_for_silence();
  void on_silence();
  void end_connection();
  void replace_connection();
  void drop_connection();
  void rest();
  [[nodiscard]] uint16_t fresh_id();

  Loop& loop_;
  SocketAddress server_;
  TlsContext* tls_;
  Random& random_;
  TransportEvents& events_;
  std::optional<HttpEndpoint> http_;
  Echo* echo_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Carrier> carrier_;
  std::string output_;  // what the carrier wants sent
  std::vector<Waiting> waiting_;
  bool has_answered_ = false;  // this connection
  bool is_last_look_ = false;  // before silence is believed
  milliseconds patience_;      // how long it may stay idle
  Timer idle_;
  Timer silence_;  // runs from the first question after the last sign of life
  Counter connections_;
};

}  // namespace cenote
