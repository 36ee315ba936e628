// Blocking sockets for tests, on loopback, each wait bounded: a scripted upstream, a client, and free ports.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "resolver/base/address.h"
#include "tests/support/dns_text.h"

namespace cenote::test {

using std::chrono::milliseconds;

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

SocketAddress loopback(uint16_t port);
// A port on which nothing listens at this moment, UDP and TCP.
uint16_t free_port();

// One question over UDP; nullopt when nothing comes within `wait`. Checks that the answer comes from
// `server`.
std::optional<Wire> ask(const SocketAddress& server, const Wire& query,
                        milliseconds wait = milliseconds{3000});
std::optional<Wire> ask_tcp(const SocketAddress& server, const Wire& query,
                            milliseconds wait = milliseconds{3000});
Descriptor connect_tcp(const SocketAddress& server);
bool send_all(int descriptor, Bytes bytes);
std::optional<Wire> read_frame(int descriptor, milliseconds wait = milliseconds{3000});
Wire framed(const Wire& message);

// A DNS server that does what a test tells it, over UDP and TCP on one port. The script runs on the server's
// thread and returns the datagrams (or frames) to send, none for silence.
class ScriptedUpstream {
 public:
  using Script = std::function<std::vector<Wire>(const Wire& query, bool over_tcp)>;

  // By default: "192.0.2.1" with TTL 60 for every A question, NODATA for the rest.
  explicit ScriptedUpstream(Script script = {});
  ~ScriptedUpstream();

  [[nodiscard]] const SocketAddress& address() const { return address_; }
  [[nodiscard]] unsigned queries() const { return queries_; }
  [[nodiscard]] unsigned tcp_queries() const { return tcp_queries_; }
  [[nodiscard]] std::vector<Wire> seen() const;
  [[nodiscard]] std::vector<uint16_t> client_ports() const;  // of each datagram
  void set(Script script);

  static std::vector<Wire> default_script(const Wire& query, bool over_tcp);

 private:
  void serve_udp();
  void serve_tcp();
  void serve_connection(int descriptor);
  std::vector<Wire> run(const Wire& query, bool over_tcp);

  SocketAddress address_;
  Descriptor udp_;
  Descriptor tcp_;
  mutable std::mutex mutex_;
  Script script_;
  std::vector<Wire> seen_;
  std::vector<uint16_t> client_ports_;
  std::atomic<unsigned> queries_{0};
  std::atomic<unsigned> tcp_queries_{0};
  std::atomic<bool> stopping_{false};
  std::thread udp_thread_;
  std::thread tcp_thread_;
};

}  // namespace cenote::test
