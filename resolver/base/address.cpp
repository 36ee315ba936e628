#include "resolver/base/address.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <net/if.h>

#include <fmt/format.h>

#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// By name, else by number; nullopt: there is no such interface.
std::optional<uint32_t> interface_number(std::string_view zone) {
  const std::string name(zone);
  if (zone.empty() || name.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  if (const unsigned number = if_nametoindex(name.c_str()); number != 0) {
    return number;
  }
  std::array<char, IF_NAMESIZE> found{};
  const auto number = parse_number(zone, UINT32_MAX);
  return number && if_indextoname(static_cast<unsigned>(*number), found.data()) != nullptr
             ? std::optional(static_cast<uint32_t>(*number))
             : std::nullopt;
}

std::string interface_name(uint32_t number) {
  std::array<char, IF_NAMESIZE> found{};
  return if_indextoname(number, found.data()) != nullptr ? found.data() : std::to_string(number);
}

}  // namespace

IpAddress IpAddress::v4(const std::array<uint8_t, 4>& bytes) noexcept {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<uint8_t, 16>& bytes) noexcept {
  IpAddress address;
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    std::copy(bytes.begin() + kMappedPrefix.size(), bytes.end(), address.bytes_.begin());
    return address;
  }
  address.bytes_ = bytes;
  address.size_ = 16;
  return address;
}

std::optional<IpAddress> IpAddress::from_bytes(Bytes bytes) noexcept {
  if (bytes.size() == 4) {
    return v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  if (bytes.size() == 16) {
    std::array<uint8_t, 16> all{};
    std::copy(bytes.begin(), bytes.end(), all.begin());
    return v6(all);
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from_text(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN + 1> zero_ended{};
  if (text.empty() || text.size() >= zero_ended.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), zero_ended.begin());
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, zero_ended.data(), bytes.data()) == 1) {
    return v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  if (inet_pton(AF_INET6, zero_ended.data(), bytes.data()) == 1) {
    return v6(bytes);
  }
  return std::nullopt;
}

std::string IpAddress::to_text() const {
  if (is_v4()) {  // by hand, for each hit has its client written
    std::array<char, sizeof "255.255.255.255"> text;
    char* at = text.data();
    for (size_t i = 0; i < 4; ++i) {
      at = std::to_chars(at, text.end(), bytes_[i]).ptr;
      *at++ = '.';
    }
    return {text.data(), at - 1};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<Prefix> Prefix::from_text(std::string_view text) noexcept {
  const size_t slash = text.find('/');
  const auto address = IpAddress::from_text(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  const uint8_t most = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) {
    return Prefix{*address, most};
  }
  const auto length = parse_number(text.substr(slash + 1), most);
  if (!length) {
    return std::nullopt;
  }
  const Prefix prefix{*address, static_cast<uint8_t>(*length)};
  const Bytes bytes = address->bytes();
  for (size_t bit = prefix.length; bit < most; ++bit) {
    if ((bytes[bit / 8] >> (7 - bit % 8)) & 1) {
      return std::nullopt;
    }
  }
  return prefix;
}

Prefix Prefix::host(const IpAddress& address) noexcept {
  return {address, static_cast<uint8_t>(address.is_v4() ? 32 : 128)};
}

bool Prefix::contains(const IpAddress& other) const noexcept {
  if (other.is_v4() != address.is_v4()) {
    return false;
  }
  const Bytes ours = address.bytes();
  const Bytes theirs = other.bytes();
  if (address.is_v4()) {
    return length == 0 || (u32_at(ours, 0) ^ u32_at(theirs, 0)) >> (32 - length) == 0;
  }
  const size_t whole = length / 8;
  if (!std::equal(ours.begin(), ours.begin() + static_cast<ptrdiff_t>(whole), theirs.begin())) {
    return false;
  }
  const unsigned rest = length % 8;
  return rest == 0 || ((ours[whole] ^ theirs[whole]) >> (8 - rest)) == 0;
}

std::string Prefix::to_text() const {
  const bool single = length == (address.is_v4() ? 32 : 128);
  return single ? address.to_text() : fmt::format("{}/{}", address.to_text(), length);
}

SocketAddress::SocketAddress() noexcept : storage_{} {
  storage_.v6 = {};
  storage_.v4.sin_family = AF_INET;
}

SocketAddress::SocketAddress(const IpAddress& address, uint16_t port) noexcept : SocketAddress() {
  const Bytes bytes = address.bytes();
  if (address.is_v4()) {
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(&storage_.v4.sin_addr));
    storage_.v4.sin_port = htons(port);
  } else {
    storage_.v6 = {};
    storage_.v6.sin6_family = AF_INET6;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(&storage_.v6.sin6_addr));
    storage_.v6.sin6_port = htons(port);
  }
}

SocketAddress SocketAddress::from_sockaddr(const sockaddr* address) noexcept {
  SocketAddress result;
  if (address->sa_family == AF_INET) {
    std::memcpy(&result.storage_.v4, address, sizeof(sockaddr_in));
  } else if (address->sa_family == AF_INET6) {
    std::memcpy(&result.storage_.v6, address, sizeof(sockaddr_in6));
  }
  return result;
}

std::optional<SocketAddress> SocketAddress::from_text(std::string_view text,
                                                      std::optional<uint16_t> default_port) noexcept {
  std::string_view host = text;
  std::optional<uint16_t> port = default_port;
  const size_t bracket = text.find(']');
  const size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[') && bracket != std::string_view::npos;
  // A colon that stands alone, or behind "]", begins a port; several without brackets are an IPv6 address.
  const bool has_port =
      bracketed ? colon == bracket + 1 : colon != std::string_view::npos && text.find(':') == colon;
  if (has_port) {
    const auto number = parse_number(text.substr(colon + 1), 65535);
    if (!number) {
      return std::nullopt;
    }
    port = static_cast<uint16_t>(*number);
    host = text.substr(0, colon);
  }
  if (bracketed) {
    if (host.back() != ']') {
      return std::nullopt;
    }
    host = host.substr(1, host.size() - 2);
  }
  const size_t percent = host.find('%');
  const std::string_view zone = percent == std::string_view::npos ? "" : host.substr(percent + 1);
  const auto address = IpAddress::from_text(host.substr(0, percent));
  if (!address || !port || (bracketed && host.find(':') == std::string_view::npos)) {
    return std::nullopt;
  }
  SocketAddress result(*address, *port);
  if (percent != std::string_view::npos) {
    const auto number = address->is_v4() || !is_link_local(*address) ? std::nullopt : interface_number(zone);
    if (!number) {
      return std::nullopt;
    }
    result.storage_.v6.sin6_scope_id = *number;
  }
  return result;
}

IpAddress SocketAddress::address() const noexcept {
  if (is_v4()) {
    std::array<uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &storage_.v4.sin_addr, bytes.size());
    return IpAddress::v4(bytes);
  }
  std::array<uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &storage_.v6.sin6_addr, bytes.size());
  return IpAddress::v6(bytes);
}

uint16_t SocketAddress::port() const noexcept {
  return ntohs(is_v4() ? storage_.v4.sin_port : storage_.v6.sin6_port);
}

void SocketAddress::set_port(uint16_t port) noexcept {
  (is_v4() ? storage_.v4.sin_port : storage_.v6.sin6_port) = htons(port);
}

std::string SocketAddress::to_text() const {
  const IpAddress ip = address();
  if (ip.is_v4()) {
    return fmt::format("{}:{}", ip.to_text(), port());
  }
  return zone() == 0 ? fmt::format("[{}]:{}", ip.to_text(), port())
                     : fmt::format("[{}%{}]:{}", ip.to_text(), interface_name(zone()), port());
}

bool is_global(const IpAddress& address) noexcept {
  // IANA special-purpose address registries (RFC 6890), the blocks that are not globally reachable.
  static const auto kNotGlobal = [] {
    std::array<Prefix, 26> blocks;
    size_t i = 0;
    for (const char* text :
         {"0.0.0.0/8",       "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",    "169.254.0.0/16",
          "172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.168.0.0/16", "198.18.0.0/15",
          "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "::/128",
          "::1/128",         "64:ff9b:1::/48", "100::/64",      "2001::/23",      "2001:db8::/32",
          "3fff::/20",       "5f00::/16",      "fc00::/7",      "fe80::/10",      "fec0::/10",
          "ff00::/8"}) {
      blocks[i++] = *Prefix::from_text(text);
    }
    return blocks;
  }();
  return std::none_of(kNotGlobal.begin(), kNotGlobal.end(),
                      [&](const Prefix& block) { return block.contains(address); });
}

bool is_link_local(const IpAddress& address) noexcept {
  const Bytes bytes = address.bytes();
  return address.is_v4() ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
}

bool is_loopback(const IpAddress& address) noexcept {
  static const IpAddress kLoopback6 = *IpAddress::from_text("::1");
  return address.is_v4() ? address.bytes()[0] == 127 : address == kLoopback6;
}

}  // namespace cenote
