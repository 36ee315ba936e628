// How DNS messages travel on one connection to a server: framed (RFC 7766, RFC 7858), or as HTTP/2 requests
// (RFC 8484). Bytes in, bytes out; one per connection, on its thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "resolver/base/bytes.h"

namespace cenote {

class Carrier {
 public:
  struct Arrived {
    uint32_t key = 0;
    Bytes message;            // until the next call; empty: the server failed that question
    bool is_refused = false;  // it has not looked at it, and may be asked again
  };

  virtual ~Carrier() = default;

  // What is to be sent before anything else.
  virtual void begin(std::string& out) = 0;
  // Appends the bytes that carry `query` and gives the key by which its answer will be known; nullopt: this
  // connection takes no more.
  virtual std::optional<uint32_t> send(Bytes query, std::string& out) = 0;
  // No answer to it is wanted any more.
  virtual void cancel(uint32_t key, std::string& out) = 0;
  // Takes bytes in, appends what they call for. False: the connection is of no further use. `bytes` must hold
  // until next() gives nullopt.
  virtual bool receive(Bytes bytes, std::string& out) = 0;
  virtual std::optional<Arrived> next() = 0;
};

// The key is the message's id.
std::unique_ptr<Carrier> make_frame_carrier();
// `authority` and `path` of the server's URI; the message's id should be 0, so that HTTP caches see equal
// questions as equal (RFC 8484 section 4.1).
std::unique_ptr<Carrier> make_http_carrier(std::string authority, std::string path);

}  // namespace cenote
