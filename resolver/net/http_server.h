// Serves one HttpSite on any number of addresses of one loop: HTTP/1.1 and HTTP/2, plain, TLS or a Unix
// socket. Holds the connections, their number and their deadlines. Everything happens on the loop's thread;
// only the counters may be read from elsewhere.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/base/result.h"
#include "resolver/net/client_places.h"
#include "resolver/net/handshake_queue.h"
#include "resolver/net/http.h"
#include "resolver/net/http_protocol.h"
#include "resolver/net/loop.h"
#include "resolver/net/proxies.h"
#include "resolver/net/stream.h"

namespace cenote {

class HttpConnection;
class TlsContext;

struct HttpCounters {
  Counter connections;          // accepted
  Counter open_connections;     // now
  Counter refused_connections;  // over a limit, in all or per client, and nobody could make room
  Counter requests;
  Counter refused_requests;  // not valid, or too large
  Counter timeouts;          // connections that were cut by a deadline
  Counter slow_readers;      // connections that were cut because a streamed body piled up
  Counter failed_handshakes;
  Counter out_of_memory;  // requests that were answered 500, and connections that were cut, for want of it
};

class HttpServer final : private StreamAcceptor {
 public:
  // `site` outlives the server. Answers that come after the server has gone are dropped, so the site may keep
  // its responders.
  // `places`: shared with other servers, which then are limited together; null: this server has its own, by
  // `limits`.
  HttpServer(Loop& loop, HttpSite& site, HttpLimits limits = {},
             std::shared_ptr<ClientPlaces> places = nullptr);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // With `tls`, which outlives the server, HTTP/2 is spoken when its ALPN list has "h2" and the client
  // agrees. `proxies` say for whom they speak before anything else, TLS included.
  Result<void> listen(const SocketAddress& address, const TlsContext* tls = nullptr,
                      ListenOptions options = {}, Proxies proxies = {});
  Result<void> listen(const std::string& unix_path);
  [[nodiscard]] std::vector<SocketAddress> local() const;  // in the order of listen(), without Unix sockets

  // Listens no more, closes what is idle at once, lets requests that are with the site finish for at most
  // `grace`, then calls back once, from the loop; in that callback the server may be destroyed. Not to be
  // destroyed within HttpSite::serve().
  void stop(milliseconds grace, std::function<void()> on_stopped);

  // How long a connection may take until its first request, and be idle after one; also those that are there.
  void set_times(milliseconds first_request, milliseconds idle) noexcept;
  // Is any request with the site, or any response not yet sent?
  [[nodiscard]] bool is_busy() const;

  [[nodiscard]] const HttpCounters& counters() const noexcept { return counters_; }

 private:
  friend class HttpConnection;
  struct Listening {
    std::unique_ptr<StreamListener> listener;
    const TlsContext* tls;
    bool is_unix;
    Proxies proxies;
  };

  void on_stream(StreamListener& from, std::unique_ptr<Stream> stream) override;
  void on_no_descriptor() override { counters_.refused_connections.add(); }
  void note_want_of_memory() noexcept;
  void forget(HttpConnection& connection);  // destroys it
  void sweep();

  Loop& loop_;
  HttpSite& site_;
  HttpLimits limits_;
  HttpCounters counters_;
  std::vector<Listening> listeners_;
  std::shared_ptr<ClientPlaces> places_;
  HandshakeQueue handshakes_;
  HeldBodies held_bodies_;  // before connections_, which have shares of it
  std::list<HttpConnection> connections_;
  Timer sweeper_;
  milliseconds tick_;
  std::function<void()> on_stopped_;
  MonoTime stop_deadline_{};
  MonoTime want_told_ = MonoTime{} - seconds{60};  // in the log
};

}  // namespace cenote
