// One connection of an HttpServer: carries bytes between its stream and its protocol, hands requests to the
// site, and knows when it is over. Owned by the server's list, on the loop's thread.
#pragma once

#include <memory>
#include <vector>

#include "resolver/net/http_server.h"

namespace cenote {

class HttpExchange;

class HttpConnection final : public StreamEvents {
 public:
  // `is_proxy`: it says first for whom it speaks, and is admitted then.
  HttpConnection(HttpServer& server, std::unique_ptr<Stream> stream, const TlsContext* tls, bool is_proxy);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void go_away();
  // Broken, or past a deadline. The server then destroys it.
  [[nodiscard]] bool is_over(MonoTime now);
  [[nodiscard]] bool is_idle() const noexcept;
  [[nodiscard]] MonoTime phase_start() const noexcept { return phase_start_; }
  [[nodiscard]] const SocketAddress& client() const noexcept { return client_; }
  [[nodiscard]] bool is_counted() const noexcept { return is_counted_; }  // among its client's

 private:
  friend class HttpServer;
  friend class HttpExchange;

  void on_ready() override;
  void on_bytes(Bytes bytes) override;
  void on_drained() override;
  void on_closed(StreamEnd end, std::string_view why) override;

  void take_proxy_header(Bytes bytes);
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
  [[nodiscard]] MonoTime deadline() const;

  HttpServer& server_;
  std::unique_ptr<Stream> stream_;
  const TlsContext* const tls_;  // null: plain
  SocketAddress client_;
  std::unique_ptr<ProxyOpening> beginning_;  // until a proxy's header has come
  bool is_counted_;
  std::unique_ptr<HttpProtocol> protocol_;    // null while TLS shakes hands
  std::vector<HttpExchange*> exchanges_;      // with the site; told when the connection goes
  std::list<HttpConnection>::iterator self_;  // where the server keeps it
  NextTurn goes_on_;                          // with the requests that were too many for one turn
  uint64_t serve_turn_ = UINT64_MAX;
  size_t served_ = 0;  // requests in that turn

  HttpProgress seen_;
  const MonoTime opened_;
  MonoTime phase_start_;
  MonoTime unsent_since_{};   // when output began to wait without a break
  uint64_t unsent_sent_ = 0;  // bytes that went to the kernel since then
  uint64_t given_bytes_ = 0;  // to the stream, in all
  bool is_advancing_ = false;
  bool is_unsent_ = false;
  bool is_finishing_ = false;
  bool is_aborted_ = false;
};

}  // namespace cenote
