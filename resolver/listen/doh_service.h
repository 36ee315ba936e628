// DNS over HTTPS for one worker (RFC 8484): GET and POST of /dns-query, over HTTP/2 and HTTP/1.1. The
// connections, their number and their deadlines are HttpServer's; here is only what makes a request a query
// and an answer a response.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "resolver/net/http_server.h"
#include "resolver/query/pipeline.h"

namespace cenote {

// An answer has 64 KiB at most, and most have a few hundred bytes: less of them may wait unread than of pages
// and lists, for one client may have many connections.
inline HttpLimits doh_limits() {
  HttpLimits limits;
  limits.unread = 64 * 1024;
  limits.most_unread = 256 * 1024;
  limits.in_stream = 64 * 1024;
  return limits;
}

class DohService final : HttpSite, ReplySink {
 public:
  DohService(Loop& loop, Pipeline& pipeline, HttpLimits limits = doh_limits(),
             std::shared_ptr<ClientPlaces> places = nullptr);

  // `tls` outlives the service.
  Result<void> listen(const SocketAddress& address, const TlsContext* tls, Proxies proxies = {});
  // Accepts no more, lets what is under way finish for at most `grace`.
  void stop(milliseconds grace);

  void set_times(seconds first_question, seconds idle) noexcept { server_.set_times(first_question, idle); }
  // Is any question under way, or any answer unsent?
  [[nodiscard]] bool is_busy() const { return server_.is_busy(); }

  // Is https://HOST/dns-query/NAME asked by the client NAME?
  void name_by_path(bool names) noexcept { names_by_path_ = names; }

  [[nodiscard]] std::vector<SocketAddress> local() const { return server_.local(); }
  [[nodiscard]] uint64_t refused() const noexcept { return server_.counters().refused_connections.value(); }
  [[nodiscard]] size_t connections() const noexcept { return server_.counters().open_connections.value(); }

 private:
  [[nodiscard]] size_t body_limit(const HttpRequest& head) const override;
  void serve(HttpRequest request, HttpResponder responder) override;
  void on_bad_proxy() override { pipeline_.count_bad_proxy(); }
  void reply(const ReplyPath& path, Bytes message) noexcept override;

  Pipeline& pipeline_;
  bool names_by_path_ = false;
  Slab<std::optional<HttpResponder>> waiting_;
  std::array<uint8_t, kMaxMessageBytes> buffer_;  // the query in hand and the answer to it
  HttpServer server_;
};

}  // namespace cenote
