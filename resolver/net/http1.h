// HTTP/1.1 (RFC 9112), the server's side of one connection as a state machine. Strict where leniency has been
// used to smuggle requests: bare LF, folded headers, any Transfer-Encoding but "chunked", Content-Length next
// to it, and more or less than one Host are refused. HTTP/1.0 is answered and closed.
#pragma once

#include "resolver/net/chunked_body.h"
#include "resolver/net/http_protocol.h"

namespace cenote {

class Http1 final : public HttpProtocol {
 public:
  // `about` holds what every request of this connection shares (addresses, TLS); both references outlive
  // this.
  // `held` counts unfinished bodies; null: nobody counts. It outlives this, too.
  Http1(const HttpSite& site, const HttpLimits& limits, HttpRequest about, HeldBodies* held = nullptr);

  std::optional<Incoming> next_request() override;
  void take_output(std::string& out, size_t most) override;
  void respond(uint32_t id, HttpResponse response) override;
  void start(uint32_t id, HttpResponse head) override;
  [[nodiscard]] bool write(uint32_t id, std::string_view chunk) override;
  void finish(uint32_t id) override;
  void abort(uint32_t id) override;
  [[nodiscard]] bool is_open(uint32_t id) const override { return answering_ && id == id_; }
  [[nodiscard]] size_t unsent(uint32_t /*id*/) const override { return unsent(); }
  void go_away() override;
  void end_input() override;
  [[nodiscard]] HttpProgress progress() const override;

 private:
  void take(Bytes bytes) override;

  enum class Scan : uint8_t { kIncomplete, kComplete, kBad, kTooLarge };

  [[nodiscard]] std::string_view buffered() const { return std::string_view(input_).substr(input_start_); }
  [[nodiscard]] size_t unsent() const { return output_.size() - output_start_; }
  void consume(size_t count);
  Scan scan_head();
  bool parse_head();
  int read_head();
  bool parse_body();
  void expect_continue();
  void refuse(int status);
  void write_head(const HttpResponse& head, std::optional<size_t> body_size);
  void end_response();

  const HttpSite& site_;
  const HttpLimits& limits_;
  const HttpRequest about_;
  HeldBodies* const held_bodies_;

  std::string input_;
  size_t input_start_ =
      0;                // input_ before this is used up: erasing the front on every read would be quadratic
  size_t scanned_ = 0;  // of buffered(), while a head comes
  size_t line_start_ = 0;      // of buffered()
  bool skipped_line_ = false;  // before the head that comes
  bool in_body_ = false;       // from a whole head to a whole body
  std::optional<ChunkedBody> chunks_;
  uint64_t body_left_ = 0;  // with Content-Length
  HttpRequest request_;
  HeldBodies::Share held_;      // by request_
  MonoTime body_started_{};     // when request_'s head was whole
  uint64_t body_received_ = 0;  // of request_'s body

  uint32_t id_ = 0;
  bool answering_ = false;  // a request is with the site
  bool head_only_ = false;
  bool is_old_ = false;  // HTTP/1.0
  bool chunked_ = false;
  bool streaming_ = false;
  bool closes_ = false;       // after the current response
  bool finished_ = false;     // nothing more is read or answered
  bool input_ended_ = false;  // nothing more comes
  std::string output_;
  size_t output_start_ = 0;
  HttpProgress counted_;
};

}  // namespace cenote
