#include "tests/support/sockets.h"

#include <array>
#include <atomic>
#include <stdexcept>

#include <sys/socket.h>

#include <poll.h>
#include <unistd.h>

namespace cenote::test {
namespace {

constexpr milliseconds kTick{20};  // how often a server looks whether it should stop

bool readable(int descriptor, milliseconds wait) {
  pollfd watched{descriptor, POLLIN, 0};
  return poll(&watched, 1, static_cast<int>(wait.count())) == 1;
}

Descriptor bound(int type, const SocketAddress& address) {
  Descriptor descriptor(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int yes = 1;
  setsockopt(descriptor.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(descriptor.get(), address.data(), address.size()) != 0) {
    return Descriptor();
  }
  return descriptor;
}

SocketAddress local_of(const Descriptor& descriptor) {
  SocketAddress address;
  socklen_t size = SocketAddress::kCapacity;
  getsockname(descriptor.get(), address.data(), &size);
  return address;
}

bool read_exactly(int descriptor, uint8_t* out, size_t size, milliseconds wait) {
  size_t done = 0;
  while (done < size) {
    if (!readable(descriptor, wait)) {
      return false;
    }
    const ssize_t got = recv(descriptor, out + done, size - done, 0);
    if (got <= 0) {
      return false;
    }
    done += static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) {
    ::close(value_);
  }
}

SocketAddress loopback(uint16_t port) {
  return {IpAddress::v4({127, 0, 0, 1}), port};
}

// Below the ports that the kernel gives to clients (ip_local_port_range), or a connection of another test
// takes one before the server that it is for. Processes one after the other begin apart.
uint16_t free_port() {
  constexpr uint32_t kFirst = 10'000;
  constexpr uint32_t kCount = 22'000;
  static std::atomic<uint32_t> next{static_cast<uint32_t>(::getpid()) * 32};
  for (int i = 0; i < 1000; ++i) {
    const SocketAddress address = loopback(static_cast<uint16_t>(kFirst + next++ % kCount));
    if (bound(SOCK_STREAM, address).get() >= 0 && bound(SOCK_DGRAM, address).get() >= 0) {
      return address.port();
    }
  }
  throw std::runtime_error("no free port");
}

std::optional<Wire> ask(const SocketAddress& server, const Wire& query, milliseconds wait) {
  const Descriptor client(socket(server.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sendto(client.get(), query.data(), query.size(), 0, server.data(), server.size());
  if (!readable(client.get(), wait)) {
    return std::nullopt;
  }
  Wire answer(65536);
  SocketAddress from;
  socklen_t size = SocketAddress::kCapacity;
  const ssize_t got = recvfrom(client.get(), answer.data(), answer.size(), 0, from.data(), &size);
  if (got < 0 || !(from == server)) {
    return std::nullopt;
  }
  answer.resize(static_cast<size_t>(got));
  return answer;
}

Descriptor connect_tcp(const SocketAddress& server) {
  Descriptor client(socket(server.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(client.get(), server.data(), server.size()) != 0) {
    return Descriptor();
  }
  return client;
}

bool send_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<size_t>(sent));
  }
  return true;
}

std::optional<Wire> read_frame(int descriptor, milliseconds wait) {
  std::array<uint8_t, 2> length{};
  if (!read_exactly(descriptor, length.data(), 2, wait)) {
    return std::nullopt;
  }
  Wire message(static_cast<size_t>((length[0] << 8) | length[1]));
  if (!read_exactly(descriptor, message.data(), message.size(), wait)) {
    return std::nullopt;
  }
  return message;
}

Wire framed(const Wire& message) {
  Wire frame{static_cast<uint8_t>(message.size() >> 8), static_cast<uint8_t>(message.size())};
  frame.insert(frame.end(), message.begin(), message.end());
  return frame;
}

std::optional<Wire> ask_tcp(const SocketAddress& server, const Wire& query, milliseconds wait) {
  const Descriptor client = connect_tcp(server);
  if (client.get() < 0 || !send_all(client.get(), framed(query))) {
    return std::nullopt;
  }
  return read_frame(client.get(), wait);
}

ScriptedUpstream::ScriptedUpstream(Script script) : script_(script ? std::move(script) : default_script) {
  // UDP and TCP must share a port: try until both are to be had.
  for (int i = 0; i < 100 && udp_.get() < 0; ++i) {
    tcp_ = bound(SOCK_STREAM, loopback(0));
    address_ = local_of(tcp_);
    udp_ = bound(SOCK_DGRAM, address_);
  }
  if (udp_.get() < 0 || listen(tcp_.get(), 64) != 0) {
    throw std::runtime_error("no port for the scripted upstream");
  }
  udp_thread_ = std::thread([this] { serve_udp(); });
  tcp_thread_ = std::thread([this] { serve_tcp(); });
}

ScriptedUpstream::~ScriptedUpstream() {
  stopping_ = true;
  udp_thread_.join();
  tcp_thread_.join();
}

void ScriptedUpstream::set(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

std::vector<Wire> ScriptedUpstream::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::vector<uint16_t> ScriptedUpstream::client_ports() const {
  const std::lock_guard lock(mutex_);
  return client_ports_;
}

std::vector<Wire> ScriptedUpstream::run(const Wire& query, bool over_tcp) {
  Script script;
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back(query);
    script = script_;
  }
  ++(over_tcp ? tcp_queries_ : queries_);
  return script(query, over_tcp);
}

std::vector<Wire> ScriptedUpstream::default_script(const Wire& query, bool /*over_tcp*/) {
  const Message asked = read(query);
  Reply reply(query);
  if (asked.question_type == rrtype::kA) {
    reply.answer(asked.question_name + ". 60 IN A 192.0.2.1");
  } else {
    reply.authority("example. 60 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 60");
  }
  return {reply.wire()};
}

void ScriptedUpstream::serve_udp() {
  while (!stopping_) {
    if (!readable(udp_.get(), kTick)) {
      continue;
    }
    Wire query(4096);
    SocketAddress from;
    socklen_t size = SocketAddress::kCapacity;
    const ssize_t got = recvfrom(udp_.get(), query.data(), query.size(), 0, from.data(), &size);
    if (got < 0) {
      continue;
    }
    query.resize(static_cast<size_t>(got));
    {
      const std::lock_guard lock(mutex_);
      client_ports_.push_back(from.port());
    }
    for (const Wire& answer : run(query, false)) {
      sendto(udp_.get(), answer.data(), answer.size(), 0, from.data(), from.size());
    }
  }
}

void ScriptedUpstream::serve_connection(int descriptor) {
  while (!stopping_) {
    if (!readable(descriptor, kTick)) {
      continue;
    }
    const auto query = read_frame(descriptor);
    if (!query) {
      return;
    }
    for (const Wire& answer : run(*query, true)) {
      send_all(descriptor, framed(answer));
    }
  }
}

void ScriptedUpstream::serve_tcp() {
  std::vector<std::thread> connections;
  while (!stopping_) {
    if (!readable(tcp_.get(), kTick)) {
      continue;
    }
    const int descriptor = accept(tcp_.get(), nullptr, nullptr);
    if (descriptor >= 0) {
      connections.emplace_back([this, descriptor] {
        const Descriptor owned(descriptor);
        serve_connection(descriptor);
      });
    }
  }
  for (std::thread& connection : connections) {
    connection.join();
  }
}

}  // namespace cenote::test
