// DNS cookies (RFC 7873), the server's side, in the form that all servers behind one address share (RFC
// 9018): whoever shows one has received an answer at its address before, so its address is not forged.
#pragma once

#include <optional>

#include "resolver/base/address.h"
#include "resolver/base/siphash.h"

namespace cenote {

constexpr size_t kClientCookieBytes = 8;
constexpr size_t kServerCookieBytes = 16;  // RFC 9018 section 4
constexpr size_t kCookieBytes = kClientCookieBytes + kServerCookieBytes;

struct CookieSecrets {
  SipKey makes{};
  // Its cookies are good, too: what was in force before a change, or will be after it (RFC 9018 section 5).
  std::optional<SipKey> accepted = {};
};

class CookieMaker {
 public:
  explicit CookieMaker(const CookieSecrets& secrets) noexcept : secrets_(secrets) {}

  using Cookie = std::array<uint8_t, kCookieBytes>;  // the client's part, then ours
  // REQUIRES: client_cookie has 8 bytes.
  [[nodiscard]] Cookie make(Bytes client_cookie, const IpAddress& client, uint32_t unix_time) const noexcept;
  // Was `cookie` (both parts) made for that client, lately?
  [[nodiscard]] bool is_good(Bytes cookie, const IpAddress& client, uint32_t unix_time) const noexcept;

 private:
  CookieSecrets secrets_;
};

}  // namespace cenote
