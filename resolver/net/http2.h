// HTTP/2 (RFC 9113), the server's side of one connection as a state machine over nghttp2. What one connection
// may cost is bounded: streams, header bytes as sent and as unpacked, resets (CVE-2023-44487),
// acknowledgements, CONTINUATION frames, frames that carry no request, and responses that wait.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "resolver/net/http2_cost.h"
#include "resolver/net/http_protocol.h"

struct nghttp2_session;

namespace cenote {

class Http2 final : public HttpProtocol {
 public:
  // `about` holds what every request of this connection shares (addresses, TLS); both references outlive
  // this.
  // `held` counts unfinished bodies; null: nobody counts. It outlives this, too.
  Http2(const HttpSite& site, const HttpLimits& limits, HttpRequest about, HeldBodies* held = nullptr);
  ~Http2() override;

  std::optional<Incoming> next_request() override;
  void take_output(std::string& out, size_t most) override;
  void respond(uint32_t id, HttpResponse response) override;
  void start(uint32_t id, HttpResponse head) override;
  [[nodiscard]] bool write(uint32_t id, std::string_view chunk) override;
  void finish(uint32_t id) override;
  void abort(uint32_t id) override;
  [[nodiscard]] bool is_open(uint32_t id) const override;
  [[nodiscard]] size_t unsent(uint32_t id) const override;
  void go_away() override;
  void end_input() override;
  [[nodiscard]] HttpProgress progress() const override;

 private:
  void take(Bytes bytes) override;

  struct Callbacks;  // nghttp2's side

  struct Exchange {
    HttpRequest request;
    HeldBodies::Share held;   // by the request's body
    MonoTime body_started{};  // when its head had come
    size_t header_size = 0;
    size_t body_limit = 0;
    size_t body_size = 0;  // so far
    size_t discarded = 0;  // body bytes after the refusal
    bool is_head_request = false;
    bool is_whole = false;     // the request has come to its end
    bool is_refused = false;   // answered without the site
    bool is_reset = false;     // by us, for it went on after that
    bool has_started = false;  // the response
    bool has_ended = false;    // nothing will be added to `body`
    bool is_waiting = false;   // nghttp2 asked for body bytes and there were none
    std::string body;          // of the response
    size_t body_start = 0;     // before this it has been taken
  };

  struct Free {
    void operator()(nghttp2_session* session) const noexcept;
  };

  Exchange* find(uint32_t id);
  // False: the peer unpacks more than anybody needs, and the connection must end.
  [[nodiscard]] bool take_header(uint32_t id, Exchange& exchange, std::string_view name,
                                 std::string_view value);
  void end_with(uint32_t error) noexcept;
  void end_head(uint32_t id, Exchange& exchange, bool ends_stream);
  int head_status(Exchange& exchange);
  void take_body(uint32_t id, Exchange& exchange, Bytes bytes);
  void end_request(uint32_t id, Exchange& exchange);
  void refuse(uint32_t id, Exchange& exchange, int status);
  void submit(uint32_t id, Exchange& exchange, const HttpResponse& head, bool with_length);
  void resume(uint32_t id, Exchange& exchange);
  long read_body(uint32_t id, MutableBytes out, bool& ends);

  const HttpSite& site_;
  const HttpLimits& limits_;
  const HttpRequest about_;
  HeldBodies* const held_bodies_;
  std::unique_ptr<nghttp2_session, Free> session_;
  std::map<uint32_t, Exchange> exchanges_;  // by stream id
  std::deque<uint32_t> whole_;              // requests that wait for next_request()
  size_t resets_ = 0;                       // streams that we had to reset
  size_t unsent_ = 0;                       // bytes of responses that wait
  Http2Cost cost_;
  bool failed_ = false;
  bool input_ended_ = false;
  HttpProgress counted_;
};

}  // namespace cenote
