// One connection of an HttpServer: carries bytes between its stream and its protocol, hands requests to the
// site, and knows when it is over. Owned by the server's list, on the loop's thread.
#pragma once

#include <memory>
#include <vector>

#include "resolver/net/handshake_queue.h"
#include "resolver/net/http_server.h"

namespace cenote {

class HttpExchange;

class HttpConnection final : public StreamEvents, PlaceTenant, HandshakeQueue::Waiter {
 public:
  // `is_proxy`: it says first for whom it speaks, and is its client's then.
  HttpConnection(HttpServer& server, std::unique_ptr<Stream> stream, Place place, const TlsContext* tls,
                 bool is_proxy);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void go_away();
  // Broken, or past a deadline. The server then destroys it.
  [[nodiscard]] bool is_over(MonoTime now);
  // A request is with the site or about to be, or a response waits for the peer.
  [[nodiscard]] bool is_busy() const;

 private:
  friend class HttpServer;
  friend class HttpExchange;

  void on_ready() override;
  void on_bytes(Bytes bytes) override;
  void on_drained() override;
  bool on_end_of_input() override;
  void on_closed(StreamEnd end, std::string_view why) override;
  void on_displaced() override;
  [[nodiscard]] const IpAddress& handshake_client() const override { return counted_as_; }
  void on_handshake_turn() override;

  // What must come before requests do.
  enum class Opening : uint8_t {
    kNone,
    kHeader,  // of a proxy
    kHello,   // of TLS; a connection without costs no session
    kQueued,  // it has come, and its handshake waits
  };

  void take_opening(Bytes bytes);
  void take_proxy_header(Bytes bytes);
  void take_hello(Bytes bytes);
  void speak(bool http2);
  static void on_next_turn(void* self);
  void advance();
  template <typename Work>
  void survive(Work&& work) noexcept;
  void serve(HttpProtocol::Incoming incoming);
  void end_for_want_of_memory() noexcept;
  [[nodiscard]] bool may_serve() noexcept;
  void flush();
  void cut_slow_reader();
  void note_progress();
  void note_use(const HttpProgress& now_at);
  [[nodiscard]] bool is_with_site() const;
  [[nodiscard]] bool is_idle() const noexcept;
  [[nodiscard]] MonoTime deadline() const;

  HttpServer& server_;
  std::unique_ptr<Stream> stream_;
  Place place_;
  const TlsContext* const tls_;  // null: plain
  SocketAddress client_;
  Opening opening_;
  ProxyOpening beginning_;                    // while kHeader
  IpAddress counted_as_;                      // whose handshake it is
  std::vector<uint8_t> hello_;                // while kQueued
  std::unique_ptr<HttpProtocol> protocol_;    // null while TLS shakes hands
  std::vector<HttpExchange*> exchanges_;      // with the site; told when the connection goes
  std::list<HttpConnection>::iterator self_;  // where the server keeps it
  NextTurn goes_on_;                          // with the requests that were too many for one turn
  uint64_t serve_turn_ = UINT64_MAX;
  size_t served_ = 0;  // requests in that turn

  HttpProgress seen_;
  const MonoTime opened_;
  MonoTime useless_since_;     // what it is measured by when somebody must make room
  uint64_t useful_bytes_ = 0;  // of bodies and of responses, so far
  MonoTime phase_start_;
  MonoTime unsent_since_{};   // when output began to wait without a break
  uint64_t unsent_sent_ = 0;  // bytes that went to the kernel since then
  uint64_t given_bytes_ = 0;  // to the stream, in all
  bool has_asked_ = false;    // a whole request, at some time
  bool was_with_site_ = false;
  bool is_half_closed_ = false;
  bool is_advancing_ = false;
  bool is_unsent_ = false;
  bool is_finishing_ = false;
  bool is_aborted_ = false;
};

}  // namespace cenote
