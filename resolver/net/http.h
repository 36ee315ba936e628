// An HTTP request and response as values (RFC 9110), and the handle by which a response is given. No I/O.
// Everything here lives on the web loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/base/bytes.h"

namespace cenote {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // names in lower case

// Takes a body as it comes, so that a large one is never held in memory. It goes with its request: when that
// breaks off, the sink is destroyed without having seen the end.
class HttpBodySink {
 public:
  virtual ~HttpBodySink() = default;
  [[nodiscard]] virtual bool take(Bytes piece) = 0;  // false: there is no room for it; 503 is answered
};

struct HttpRequest {
  std::string method;  // "GET"; as sent, case-sensitive
  std::string path;    // percent-decoded, without the query: "/v1/feeds/c2-intel"
  std::string query;   // raw, without "?": "since=1h&client=10.0.0.1"
  std::string host;    // Host or :authority without port, lower case; empty when absent
  HttpHeaders headers;
  std::string body;
  std::shared_ptr<HttpBodySink> body_sink;  // has the body instead, when the site gave one
  SocketAddress client;                     // behind a listed proxy the one for whom it speaks
  SocketAddress local;  // the address the client connected to; unset (0.0.0.0:0) on a Unix socket
  bool over_tls = false;
  bool over_unix_socket = false;
  std::string server_name;  // TLS SNI, lower case; empty without

  // The first header of that name (given in lower case), or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  // A query parameter, percent-decoded ("+" is a blank); nullopt when absent.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // content-length, date and connection are added by the server
  std::string body;

  static HttpResponse text(int status, std::string body);
  static HttpResponse json(int status, std::string body);
};

// Answers one request, now or later, on the web loop's thread. Copies share the one answer; when the
// connection has gone meanwhile every call is a no-op. If the last copy goes without an answer, 500 is sent.
class HttpResponder {
 public:
  class Exchange {  // what a connection implements
   public:
    virtual ~Exchange() = default;
    virtual void respond(HttpResponse response) = 0;
    virtual void start(HttpResponse head) = 0;
    virtual void write(std::string chunk) = 0;
    virtual void finish() = 0;
    [[nodiscard]] virtual bool is_open() const = 0;
    [[nodiscard]] virtual size_t unsent() const { return 0; }
    virtual void when_gone(std::function<void()> /*told*/) {}
  };

  explicit HttpResponder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

  void respond(HttpResponse response) { exchange_->respond(std::move(response)); }
  // A body in pieces (server-sent events, long lists): start once, write often, finish once.
  void start(HttpResponse head) { exchange_->start(std::move(head)); }
  void write(std::string chunk) { exchange_->write(std::move(chunk)); }
  void finish() { exchange_->finish(); }
  [[nodiscard]] bool is_open() const { return exchange_->is_open(); }
  // Calls back when the connection goes before the answer; the responder may be let go of in there.
  void when_gone(std::function<void()> told) { exchange_->when_gone(std::move(told)); }
  // Bytes that have been given for this request, or on its connection, and wait for the reader.
  [[nodiscard]] size_t unsent() const { return exchange_->unsent(); }

 private:
  std::shared_ptr<Exchange> exchange_;
};

// What a site does: the block page and the control API each are one.
class HttpSite {
 public:
  virtual ~HttpSite() = default;
  // How many body bytes this request may bring; called with the head only (body empty). Beyond it the
  // server answers 413 and closes.
  [[nodiscard]] virtual size_t body_limit(const HttpRequest& head) const = 0;
  // What is answered to a body beyond that, by status: also 401 or 403, where the head says that none may
  // come.
  [[nodiscard]] virtual int over_limit(const HttpRequest& /*head*/) const { return 413; }
  // Where its body goes; called once, after body_limit(). Null: into HttpRequest::body.
  [[nodiscard]] virtual std::shared_ptr<HttpBodySink> body_sink(const HttpRequest& /*head*/) const {
    return nullptr;
  }
  virtual void serve(HttpRequest request, HttpResponder responder) = 0;
  // A listed proxy's connection began without the header that says for whom it speaks: it was dropped.
  virtual void on_bad_proxy() {}
};

}  // namespace cenote
