// What the server's and the client's side of HTTP/2 share. Included by http2.cpp and http2_client.cpp alone.
#pragma once

#include <exception>

#include <nghttp2/nghttp2.h>

#include "resolver/base/bytes.h"
#include "resolver/base/text.h"

namespace cenote {

// PING and SETTINGS answers that the peer does not read (CVE-2019-9512, CVE-2019-9515).
constexpr size_t kMostAcknowledgements = 100;

inline nghttp2_nv header_pair(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(as_bytes(text).data());  // nghttp2 copies and does not write
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// nghttp2 is C, through which no exception may pass: memory that has run out ends the connection.
template <auto kCallback>
struct SafeCallback;
template <typename Value, typename... Args, Value (*kCallback)(Args...)>
struct SafeCallback<kCallback> {
  static Value call(Args... args) noexcept {
    try {
      return kCallback(args...);
    } catch (const std::exception&) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
  }
};

}  // namespace cenote
