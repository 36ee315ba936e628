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

class CookieMaker {
 public:
  // `previous`: what was in force before a change, whose cookies are still good (RFC 9018 section 5).
  explicit CookieMaker(const SipKey& secret, std::optional<SipKey> previous = std::nullopt) noexcept
      : secret_(secret), previous_(previous) {}

  using Cookie = std::array<uint8_t, kCookieBytes>;  // the client's part, then ours
  // REQUIRES: client_cookie has 8 bytes.
  [[nodiscard]] Cookie make(Bytes client_cookie, const IpAddress& client, uint32_t unix_time) const noexcept;
  // Was `cookie` (both parts) made for that client, lately?
  [[nodiscard]] bool is_good(Bytes cookie, const IpAddress& client, uint32_t unix_time) const noexcept;

 private:
  SipKey secret_;
  std::optional<SipKey> previous_;
};

}  // namespace cenote
