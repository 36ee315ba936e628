// What the bench knows of DNS: questions built from a list of names, and a socket on loopback. It shares
// nothing with the resolver's own code, so that a mistake there cannot hide here. One thread.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <sys/socket.h>

namespace cenote::bench {

constexpr size_t kBatch = 64;
constexpr size_t kHeader = 12;
constexpr size_t kPacket = 1472;  // the most that fits an Ethernet frame
constexpr int kSocketBuffer = 4 << 20;

// An OPT record that offers 1232 bytes (RFC 6891), as stubs and forwarders of today send it.
constexpr std::array<uint8_t, 11> kOpt{0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0};

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "dns_bench: %s%s%s\n", what.c_str(), errno != 0 ? ": " : "",
               errno != 0 ? std::strerror(errno) : "");
  std::exit(1);
}

inline double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int open_socket() {
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    die("open a socket");
  }
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
  setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  return descriptor;
}

// A batch of datagrams for recvmmsg and sendmmsg, each with a buffer and a peer of its own.
struct Batch {
  std::array<mmsghdr, kBatch> headers{};
  std::array<iovec, kBatch> vectors{};
  std::array<sockaddr_in, kBatch> peers{};
  std::array<std::array<uint8_t, kPacket>, kBatch> buffers{};

  void aim(size_t i, size_t size, bool with_peer) {
    vectors[i] = {buffers[i].data(), size};
    headers[i].msg_hdr = {};
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
    if (with_peer) {
      headers[i].msg_hdr.msg_name = &peers[i];
      headers[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
  }
  void aim_to_receive(bool with_peer) {
    for (size_t i = 0; i < kBatch; ++i) {
      aim(i, kPacket, with_peer);
    }
  }
};

// Questions of type A, packed one behind the other: a million of them must not cost the load its cache.
class Questions {
 public:
  Questions(const std::string& file, bool with_opt) {
    std::ifstream lines(file);
    if (!lines) {
      die("read " + file);
    }
    starts_.push_back(0);
    for (std::string name; std::getline(lines, name);) {
      if (!name.empty()) {
        add(name, with_opt);
      }
    }
    if (size() == 0) {
      errno = 0;
      die(file + " holds no name");
    }
  }

  [[nodiscard]] size_t size() const { return starts_.size() - 1; }
  [[nodiscard]] std::span<const uint8_t> operator[](size_t i) const {
    return std::span(bytes_).subspan(starts_[i], starts_[i + 1] - starts_[i]);
  }

 private:
  void add(const std::string& name, bool with_opt) {
    const auto put = [&](auto&& bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); };
    put(std::array<uint8_t, kHeader>{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, with_opt ? uint8_t{1} : uint8_t{0}});
    for (size_t at = 0; at < name.size();) {
      const size_t end = std::min(name.find('.', at), name.size());
      bytes_.push_back(static_cast<uint8_t>(end - at));
      put(std::span(name).subspan(at, end - at));
      at = end + 1;
    }
    put(std::array<uint8_t, 5>{0, 0, 1, 0, 1});
    if (with_opt) {
      put(kOpt);
    }
    starts_.push_back(bytes_.size());
  }

  std::vector<uint8_t> bytes_;
  std::vector<size_t> starts_;
};

}  // namespace cenote::bench
