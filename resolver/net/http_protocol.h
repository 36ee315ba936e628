// What HTTP/1.1 and HTTP/2 have in common for a server: bytes in, requests out; responses in, bytes out. No
// I/O, no clock: HttpConnection carries the bytes and holds the deadlines. One object per connection, on its
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "resolver/base/bytes.h"
#include "resolver/base/clock.h"
#include "resolver/net/held_bodies.h"
#include "resolver/net/http.h"

namespace cenote {

struct HttpLimits {
  // Of a server that has its places for itself.
  size_t connections = 4096;             // about 100 MB with TLS
  size_t connections_per_client = 256;   // a browser opens 6 per host, and many people may have one address
  uint32_t handshakes_per_second = 100;  // per client: at 0.65 ms each one takes 7 % of a core at most
  size_t header_bytes = 16 * 1024;       // twice what browsers send with large cookies
  uint32_t streams = 100;                // RFC 9113 section 6.5.2 recommends no fewer
  // Of one connection over HTTP/2: so many bytes of responses may wait; then no further request is taken up
  // until the peer has read some.
  size_t unread = 512 * 1024;
  // Beyond this what was taken up before is not answered any more, but reset. A site whose answers are large,
  // and come later, has no such limit.
  size_t most_unread = SIZE_MAX;
  size_t in_stream = 256 * 1024;  // so much output keeps a stream busy; the rest waits where it is counted
  size_t unsent_bytes = 1 << 20;  // of a streamed body, before its reader is called too slow
  // Absolute: measured from the start of the phase, whatever trickles in meanwhile.
  milliseconds handshake = seconds{5};
  milliseconds first_request = seconds{15};  // until it is whole, PROXY header and TLS handshake included
  milliseconds header = seconds{10};         // also the wait for a connection's first byte
  milliseconds idle = seconds{30};           // browsers reuse within seconds; an idle connection costs 25 KB
  // Then it is closed as soon as it is idle: certificates and keys change, and places are for all.
  milliseconds lifetime = std::chrono::hours{1};
  milliseconds linger = seconds{2};  // for the peer to take a last answer and close
  // A body, and a response, may take `grace` plus its size at the least rate.
  milliseconds grace = seconds{10};
  size_t least_rate = 1024;  // bytes a second: a tenth of the slowest mobile link
  // No body takes longer, whatever its rate: 200 MB of a list come at 1 Mbit/s.
  milliseconds whole_body = std::chrono::minutes{30};
  // Unfinished bodies in memory, of all clients and of one. A body that has a sink does not count.
  size_t held_bytes = 16 << 20;
  size_t held_bytes_per_client = 2 << 20;
};

// How far a connection has come: what deadlines are measured by.
struct HttpProgress {
  enum class Phase : uint8_t { kIdle, kHead, kBody, kAnswering };
  Phase phase = Phase::kIdle;
  uint64_t requests = 0;                // whose head has come
  uint64_t refused = 0;                 // which were answered without asking the site
  uint64_t body_bytes = 0;              // received in all
  MonoTime body_due = MonoTime::max();  // when the unfinished body that is due first must be whole
  bool is_unsent = false;    // response bytes wait that the peer's windows or take_output() hold back
  bool is_finished = false;  // all is said: close when the output is sent
  bool wants_input = true;   // false: enough is buffered until the current response is out
};

class HttpProtocol {
 public:
  struct Incoming {
    uint32_t id;
    HttpRequest request;
  };

  virtual ~HttpProtocol() = default;

  // `now`: the loop's time; bodies are timed by it.
  void receive(Bytes bytes, MonoTime now = MonoTime{}) {
    now_ = now;
    take(bytes);
  }
  // The next whole request. Call after receive() and after take_output() until it gives none.
  virtual std::optional<Incoming> next_request() = 0;
  // Appends about `most` bytes at the most; call until nothing is added.
  virtual void take_output(std::string& out, size_t most) = 0;

  // Responses. Unknown and ended ids are ignored: the peer may have given up.
  virtual void respond(uint32_t id, HttpResponse response) = 0;
  virtual void start(uint32_t id, HttpResponse head) = 0;
  [[nodiscard]] virtual bool write(uint32_t id, std::string_view chunk) = 0;  // false: the reader is too slow
  virtual void finish(uint32_t id) = 0;
  virtual void abort(uint32_t id) = 0;  // a streamed response that cannot be completed
  [[nodiscard]] virtual bool is_open(uint32_t id) const = 0;
  [[nodiscard]] virtual size_t unsent(uint32_t id) const = 0;  // of its response, or of all of them

  virtual void go_away() = 0;  // answer what has come, then close
  // The peer sends no more: whole requests that have come are answered, then all is said.
  virtual void end_input() = 0;
  [[nodiscard]] virtual HttpProgress progress() const = 0;

 protected:
  virtual void take(Bytes bytes) = 0;
  [[nodiscard]] MonoTime now() const noexcept { return now_; }  // of the last receive()

 private:
  MonoTime now_{};
};

// The parts of HTTP that both share.

// "%2F" becomes "/". What is no valid escape stays as it is, as browsers send and read it (WHATWG URL).
std::string percent_decoded(std::string_view text);
// Host or :authority, "www.example.test:8080" or "[2001:db8::1]:80": lower case, without port and brackets.
bool read_host(std::string_view text, std::string& host);
// Origin form, absolute form (which also sets the host) or "*"; false: anything else. REQUIRES: method is
// set.
bool read_target(std::string_view target, HttpRequest& request);
// Control characters become blanks, so that no value can end its line (response splitting).
std::string header_safe(std::string_view value);
// Headers that say how a message is delimited belong to the protocol, not to the site.
bool is_framing_header(std::string_view name) noexcept;
HttpResponse error_response(int status);
// RFC 9110 section 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(WallTime time);
// A piece of the request's body, to its sink or into it; false: the sink has no room, or `held` has none.
[[nodiscard]] bool take_body(HttpRequest& request, HeldBodies::Share& held, std::string_view piece);
// When a body of which `received` bytes have come since `started` must be whole.
MonoTime body_due(const HttpLimits& limits, MonoTime started, uint64_t received);

}  // namespace cenote
