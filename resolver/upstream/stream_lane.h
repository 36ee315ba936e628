// Questions over TCP, TLS or HTTPS, on one kept connection at a time: pipelined, answered in any order (RFC
// 7766 section 6.2, RFC 7858, RFC 8484). Opened when first needed, closed after a while without work. A
// connection that stays silent while questions wait is replaced and its questions are asked again: the server
// may be well, and a half-dead connection would eat every question that follows. One worker's.
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

// A server, as it is reached over streams. What it points to outlives whoever has it.
struct StreamServer {
  SocketAddress address;
  TlsContext* tls = nullptr;           // null: plain TCP
  std::optional<HttpEndpoint> http{};  // with TLS
  Echo* echo = nullptr;                // may be null
};

struct StreamQuestion {
  Attempt attempt;
  UpstreamQuestion asked;
  unsigned cuts = 0;  // connections that ended without any answer while it waited there
  uint16_t id = 0;
  uint32_t key = 0;  // by which the carrier knows its answer
  LetterCase letter_case{};
};

class StreamLaneEvents {
 public:
  virtual void on_answer(const Attempt& attempt, Bytes message) = 0;
  virtual void on_refused(const Attempt& attempt) = 0;
  // The server has not looked at it, and the connection goes on.
  virtual void on_put_back(StreamQuestion question) = 0;
  // The server ended its connection, after so many answers on it, while these waited, if any. They are here
  // no more.
  virtual void on_cut(std::vector<StreamQuestion> left, size_t answered) = 0;

 protected:
  ~StreamLaneEvents() = default;
};

class StreamLane final : StreamEvents {
 public:
  // The references outlive the lane.
  StreamLane(Loop& loop, const StreamServer& server, Random& random, StreamLaneEvents& events);
  ~StreamLane();

  // False: it cannot be sent on this connection, which takes no more.
  bool send(const StreamQuestion& question);
  [[nodiscard]] bool takes_more() const noexcept { return !is_ending_; }
  void cancel(Handle exchange) noexcept;

  [[nodiscard]] size_t waiting() const noexcept { return waiting_.size(); }
  [[nodiscard]] size_t answered() const noexcept { return answered_; }  // on this connection
  [[nodiscard]] uint64_t connections() const noexcept { return connections_.value(); }
  [[nodiscard]] bool is_connected() const noexcept { return stream_ != nullptr; }

 private:
  void on_ready() override;
  void on_cipher_text() override;
  void on_bytes(Bytes bytes) override;
  void on_closed(StreamEnd end, std::string_view why) override;
  void on_arrived(const Carrier::Arrived& arrived);
  void connect();
  bool transmit(StreamQuestion& question);
  bool flush();
  void listen_for_silence();
  void on_silence();
  void disconnect() noexcept;
  void end_connection();
  void replace_connection();
  void refuse_all();
  void rest();
  [[nodiscard]] uint16_t fresh_id();

  Loop& loop_;
  const StreamServer& server_;
  Random& random_;
  StreamLaneEvents& events_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Carrier> carrier_;
  std::string output_;  // what the carrier wants sent
  std::vector<StreamQuestion> waiting_;
  size_t answered_ = 0;
  bool was_ready_ = false;     // this connection, its handshake too
  bool is_ending_ = false;     // it takes no more questions, and ends when those that it has are answered
  bool is_last_look_ = false;  // before silence is believed
  milliseconds patience_;      // how long it may stay idle
  Timer idle_;
  Timer silence_;  // runs from the first question after the last sign of life
  Counter connections_;
};

}  // namespace cenote
