// IP addresses, socket addresses and prefixes as values. Text in, text out; no sockets, and no look-ups but
// for the names of this machine's interfaces.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "resolver/base/bytes.h"

namespace cenote {

// An IPv4 or IPv6 address. IPv4 is kept as four bytes; an IPv4-mapped IPv6 address is kept as IPv4, so that
// a client is the same whichever socket it came by.
class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(const std::array<uint8_t, 4>& bytes) noexcept;
  static IpAddress v6(const std::array<uint8_t, 16>& bytes) noexcept;
  static std::optional<IpAddress> from_bytes(Bytes bytes) noexcept;  // 4 or 16 bytes
  // Dotted quad or RFC 4291 text, nothing else (no "1.2.3", no "0x7f.1", no zone).
  static std::optional<IpAddress> from_text(std::string_view text) noexcept;

  [[nodiscard]] bool is_v4() const noexcept { return size_ == 4; }
  [[nodiscard]] Bytes bytes() const noexcept { return {bytes_.data(), size_}; }
  // What one host is known by where things are limited: an IPv6 host has a whole /64 of addresses, but for
  // fe80::/10, where all hosts of a link are in one.
  [[nodiscard]] Bytes host_bytes() const noexcept {
    const bool is_link_local = bytes_[0] == 0xFE && (bytes_[1] & 0xC0) == 0x80;
    return bytes().first(is_v4() ? 4 : is_link_local ? 16 : 8);
  }
  [[nodiscard]] std::string to_text() const;

  bool operator==(const IpAddress&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
  uint8_t size_ = 4;
};

// An address block, "10.0.0.0/8" or a single address. Host bits are zero.
struct Prefix {
  IpAddress address;
  uint8_t length = 0;  // bits, 0..32 or 0..128

  // "10.0.0.0/8", "2001:db8::/32", "192.0.2.1". nullopt: no prefix, or host bits set.
  static std::optional<Prefix> from_text(std::string_view text) noexcept;
  static Prefix host(const IpAddress& address) noexcept;
  [[nodiscard]] bool contains(const IpAddress& other) const noexcept;
  [[nodiscard]] std::string to_text() const;  // a single address without "/32" or "/128"
  bool operator==(const Prefix&) const = default;
};

// Address and port as sockets know them.
class SocketAddress {
 public:
  SocketAddress() noexcept;
  SocketAddress(const IpAddress& address, uint16_t port) noexcept;
  static SocketAddress from_sockaddr(
      const sockaddr* address) noexcept;  // AF_INET or AF_INET6, else 0.0.0.0:0
  // "127.0.0.1:53", "[::1]:53", "[fe80::1%eth0]:53". With `default_port` the port may be missing. The zone of
  // a link-local address (RFC 4007 section 11) is an interface of this machine, by name or number; nullopt
  // when there is none such.
  static std::optional<SocketAddress> from_text(std::string_view text,
                                                std::optional<uint16_t> default_port = {}) noexcept;

  [[nodiscard]] IpAddress address() const noexcept;  // mapped addresses come out as IPv4
  [[nodiscard]] uint16_t port() const noexcept;
  [[nodiscard]] uint32_t zone() const noexcept {  // the number of an interface; 0: none
    return is_v4() ? 0 : storage_.v6.sin6_scope_id;
  }
  void set_port(uint16_t port) noexcept;
  [[nodiscard]] bool is_v4() const noexcept { return storage_.any.sa_family == AF_INET; }
  [[nodiscard]] const sockaddr* data() const noexcept { return &storage_.any; }
  [[nodiscard]] sockaddr* data() noexcept { return &storage_.any; }
  [[nodiscard]] socklen_t size() const noexcept {
    return is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  }
  static constexpr socklen_t kCapacity = sizeof(sockaddr_in6);
  [[nodiscard]] std::string to_text() const;  // with the zone, by name where its interface is there

  bool operator==(const SocketAddress& other) const noexcept {
    return port() == other.port() && address() == other.address() && zone() == other.zone();
  }

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_;
};

// Not reachable from the open internet, or not meant for one host: RFC 6890 and its registry (private,
// loopback, link-local, multicast, documentation, "this network", shared, benchmarking, unique local ...).
bool is_global(const IpAddress& address) noexcept;
bool is_link_local(const IpAddress& address) noexcept;  // fe80::/10, 169.254.0.0/16
bool is_loopback(const IpAddress& address) noexcept;    // RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3

}  // namespace cenote
