// HTTP/2 (RFC 9113), the client's side of one connection as a state machine over nghttp2: small requests out,
// small responses back, which is what DNS over HTTPS needs. Bytes in, bytes out; one object per connection,
// on its thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/bytes.h"

struct nghttp2_session;

namespace cenote {

class Http2Client {
 public:
  struct Response {
    uint32_t id = 0;
    int status = 0;           // 0: the stream was reset, or the body was larger than `most_bytes`
    bool is_refused = false;  // the server has done nothing with it: to be sent again (RFC 9113 section 8.7)
    std::string content_type;
    std::vector<uint8_t> body;
  };

  // `authority`: what the requests are for, "dns.example.net" or "192.0.2.1:8443".
  Http2Client(std::string authority, size_t most_bytes);
  ~Http2Client();

  // Begins a POST; the id comes back with its response. 0: this connection takes no more.
  uint32_t post(std::string_view path, std::string_view media_type, Bytes body);
  // No response to it is wanted any more.
  void cancel(uint32_t id);
  void receive(Bytes bytes);
  void take_output(std::string& out);  // appends what is to be sent
  // After take_output(). False: the connection is broken, or the server is leaving: make a new one.
  [[nodiscard]] bool is_usable() const;
  std::optional<Response> next();  // the responses that have come

 private:
  struct Callbacks;  // nghttp2's side
  struct Exchange {
    std::vector<uint8_t> request;
    size_t sent = 0;
    Response response;
    bool is_too_large = false;
  };
  Exchange* find(int32_t id);

  struct Free {
    void operator()(nghttp2_session* session) const noexcept;
  };
  std::string authority_;
  size_t most_bytes_;
  std::map<int32_t, Exchange> exchanges_;
  std::deque<Response> done_;
  bool is_leaving_ = false;
  bool is_broken_ = false;
  std::unique_ptr<nghttp2_session, Free> session_;
};

}  // namespace cenote
