#include "resolver/net/proxy_header.h"

#include <algorithm>

namespace cenote {
namespace {

constexpr std::array<uint8_t, 12> kProxySignature{'\r', '\n', '\r', '\n', 0,   '\r',
                                                  '\n', 'Q',  'U',  'I',  'T', '\n'};
constexpr size_t kFixedPart = 16;  // signature, version and command, family and protocol, length
constexpr uint8_t kLocal = 0x20;   // version 2 and the command
constexpr uint8_t kProxy = 0x21;

// How many bytes an address of that family has; 0: none that a DNS client could have. TCP and UDP (1 and 2 in
// the lower half) are both taken on both: a balancer may ask by another transport than it was asked.
size_t address_size(uint8_t family) noexcept {
  const uint8_t protocol = family & 0x0F;
  if (protocol != 1 && protocol != 2) {
    return 0;
  }
  return family >> 4 == 1 ? 4 : family >> 4 == 2 ? 16 : 0;
}

}  // namespace

bool has_proxy_signature(Bytes bytes) noexcept {
  return bytes.size() >= kProxySignature.size() &&
         std::equal(kProxySignature.begin(), kProxySignature.end(), bytes.begin());
}

ProxyStatus parse_proxy_header(Bytes bytes, ProxyHeader& out) noexcept {
  const size_t compared = std::min(bytes.size(), kProxySignature.size());
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(compared), kProxySignature.begin())) {
    return ProxyStatus::kMalformed;
  }
  if (bytes.size() < kFixedPart) {
    return ProxyStatus::kIncomplete;
  }
  ByteReader reader(bytes, kProxySignature.size());
  const uint8_t command = reader.u8();
  const size_t width = address_size(reader.u8());
  const size_t length = reader.u16();
  out.is_local = command == kLocal;
  out.size = kFixedPart + length;
  // The client's address and ours, both ports; what follows is of no interest here.
  const bool names_client = command == kProxy && width != 0 && length >= 2 * width + 4;
  if ((!out.is_local && !names_client) || out.size > kMostProxyHeader) {
    return ProxyStatus::kMalformed;
  }
  if (bytes.size() < out.size) {
    return ProxyStatus::kIncomplete;
  }
  if (names_client) {
    const auto address = IpAddress::from_bytes(reader.bytes(width));
    reader.skip(width);
    out.client = SocketAddress(*address, reader.u16());
  }
  return ProxyStatus::kOk;
}

}  // namespace cenote
