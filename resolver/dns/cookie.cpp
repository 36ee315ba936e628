#include "resolver/dns/cookie.h"

namespace cenote {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kTimeAt = kClientCookieBytes + 4;
constexpr size_t kHashAt = kTimeAt + 4;
// RFC 9018 section 4.3: good for an hour, and from a clock that runs up to five minutes ahead.
constexpr int32_t kOldest = 3600;
constexpr int32_t kNewest = 300;

// Over the client's cookie, version, reserved bytes and time as they stand, and the address (section 4.4).
uint64_t hash_of(const SipKey& secret, Bytes front, const IpAddress& client) noexcept {
  std::array<uint8_t, kHashAt + 16> input{};
  std::copy(front.begin(), front.end(), input.begin());
  const Bytes address = client.bytes();
  std::copy(address.begin(), address.end(), input.begin() + kHashAt);
  return siphash24(secret, Bytes(input).first(kHashAt + address.size()));
}

void store_hash(uint64_t hash, uint8_t* out) noexcept {
  for (size_t i = 0; i < 8; ++i) {
    out[i] = static_cast<uint8_t>(hash >> (8 * i));
  }
}

// In the same time for any cookie, so that nobody can guess it byte by byte.
bool is_same(const uint8_t* a, const uint8_t* b) noexcept {
  uint8_t difference = 0;
  for (size_t i = 0; i < 8; ++i) {
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace

CookieMaker::Cookie CookieMaker::make(Bytes client_cookie, const IpAddress& client,
                                      uint32_t unix_time) const noexcept {
  Cookie cookie{};
  std::copy_n(client_cookie.begin(), kClientCookieBytes, cookie.begin());
  cookie[kClientCookieBytes] = kVersion;
  for (size_t i = 0; i < 4; ++i) {
    cookie[kTimeAt + i] = static_cast<uint8_t>(unix_time >> (24 - 8 * i));
  }
  store_hash(hash_of(secrets_.makes, Bytes(cookie).first(kHashAt), client), cookie.data() + kHashAt);
  return cookie;
}

bool CookieMaker::is_good(Bytes cookie, const IpAddress& client, uint32_t unix_time) const noexcept {
  if (cookie.size() != kCookieBytes || cookie[kClientCookieBytes] != kVersion) {
    return false;
  }
  ByteReader reader(cookie, kTimeAt);
  const auto age = static_cast<int32_t>(unix_time - reader.u32());  // RFC 1982 arithmetic
  if (age > kOldest || age < -kNewest) {
    return false;
  }
  std::array<uint8_t, 8> expected{};
  store_hash(hash_of(secrets_.makes, cookie.first(kHashAt), client), expected.data());
  bool good = is_same(expected.data(), cookie.data() + kHashAt);
  if (!good && secrets_.accepted) {
    store_hash(hash_of(*secrets_.accepted, cookie.first(kHashAt), client), expected.data());
    good = is_same(expected.data(), cookie.data() + kHashAt);
  }
  return good;
}

}  // namespace cenote
