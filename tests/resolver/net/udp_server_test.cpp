#include "resolver/net/udp_server.h"

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/support/sockets.h"

namespace cenote::udp_server_test {
using test::Descriptor;
using test::Wire;

namespace {

// Sends each datagram back with one byte before it; "quiet" gets nothing.
class Echo final : public UdpServer::Handler {
 public:
  size_t on_datagram(const UdpPeer& peer, MutableBytes buffer, size_t size) noexcept override {
    last = peer;
    if (as_text(Bytes(buffer).first(size)) == "quiet") {
      return 0;
    }
    std::memmove(buffer.data() + 1, buffer.data(), size);
    buffer[0] = '>';
    return size + 1;
  }
  UdpPeer last;
};

Wire wire(std::string_view text) {
  return {text.begin(), text.end()};
}

struct Client {
  Descriptor descriptor{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  void send(const SocketAddress& to, std::string_view text) const {
    sendto(descriptor.get(), text.data(), text.size(), 0, to.data(), to.size());
  }
  std::string receive(SocketAddress* from = nullptr) const {
    std::array<char, 5000> buffer;
    SocketAddress sender;
    socklen_t size = SocketAddress::kCapacity;
    const ssize_t got =
        recvfrom(descriptor.get(), buffer.data(), buffer.size(), MSG_DONTWAIT, sender.data(), &size);
    if (from != nullptr) {
      *from = sender;
    }
    return got < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(got));
  }
};

struct Fixture {
  Loop loop;
  Echo echo;
  std::unique_ptr<UdpServer> server = bind("127.0.0.1:0");
  std::unique_ptr<UdpServer> bind(const char* address) {
    auto made = UdpServer::bind(loop, *SocketAddress::from_text(address), echo);
    REQUIRE(made);
    return std::move(*made);
  }
  void end_turn() {
    loop.stop();
    loop.run();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a batch is answered each to its own sender, and silence is kept", "[net][udp]") {
  std::vector<Client> clients(100);  // more than one batch
  for (size_t i = 0; i < clients.size(); ++i) {
    clients[i].send(server->local(), i % 3 == 0 ? "quiet" : "n" + std::to_string(i));
  }
  server->drain();
  for (size_t i = 0; i < clients.size(); ++i) {
    CHECK(clients[i].receive() == (i % 3 == 0 ? "nothing" : ">n" + std::to_string(i)));
  }
  CHECK(server->counters().received.value() == 100);
  CHECK(server->counters().sent.value() == 66);
}

TEST_CASE_METHOD(Fixture, "batches of all sizes, one after the other, are answered to whoever asked",
                 "[net][udp]") {
  std::vector<Client> clients(64);
  for (const size_t size : {1U, 64U, 3U, 1U, 40U, 63U, 2U, 64U}) {
    for (size_t i = 0; i < size; ++i) {
      const std::string text = i % 3 == 1 ? "quiet" : std::string(1 + (i * 37 + size) % 600, 'x');
      clients[i].send(server->local(), text);
    }
    server->drain();
    for (size_t i = 0; i < size; ++i) {
      CHECK(clients[i].receive() ==
            (i % 3 == 1 ? "nothing" : ">" + std::string(1 + (i * 37 + size) % 600, 'x')));
    }
  }
}

TEST_CASE_METHOD(Fixture, "on a wildcard bind the answer leaves from the address that was asked",
                 "[net][udp]") {
  const auto wildcard = bind("0.0.0.0:0");  // RFC 2181 section 4
  const SocketAddress asked(IpAddress::v4({127, 0, 0, 77}), wildcard->local().port());
  const Client client;
  client.send(asked, "here");
  wildcard->drain();
  SocketAddress from;
  CHECK(client.receive(&from) == ">here");
  CHECK(from == asked);
  // And so does one that comes later.
  const Wire late = wire("late");
  wildcard->send(echo.last, late);
  end_turn();
  CHECK(client.receive(&from) == "late");
  CHECK(from == asked);
}

TEST_CASE_METHOD(Fixture, "one reply that the kernel refuses takes no other with it", "[net][udp]") {
  // Nobody can be sent to at port 0, which is what a forged source may say.
  const Client before;
  const Client after;
  before.send(server->local(), "one");
  after.send(server->local(), "two");
  server->drain();
  UdpPeer nobody = echo.last;
  nobody.client.set_port(0);
  server->send(nobody, wire("lost"));
  server->send(echo.last, wire("late"));
  end_turn();
  CHECK(server->counters().send_failed.value() == 1);
  CHECK(before.receive() == ">one");
  CHECK(after.receive() == ">two");
  CHECK(after.receive() == "late");
}

TEST_CASE_METHOD(Fixture, "late replies leave when the turn ends, each to its own client", "[net][udp]") {
  std::vector<Client> clients(100);  // more than are gathered
  std::vector<UdpPeer> peers;
  for (Client& client : clients) {
    client.send(server->local(), "quiet");
    server->drain();
    peers.push_back(echo.last);
  }
  const std::string large(4000, 'x');  // more than has room among the others
  for (size_t i = 0; i < clients.size(); ++i) {
    server->send(peers[i], i == 50 ? wire(large) : wire(std::to_string(i)));
  }
  end_turn();
  for (size_t i = 0; i < clients.size(); ++i) {
    CHECK(clients[i].receive() == (i == 50 ? large : std::to_string(i)));
  }
  CHECK(server->counters().sent.value() == 100);
}

TEST_CASE_METHOD(Fixture, "an address that is taken is named", "[net][udp]") {
  const Descriptor taken(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress address = test::loopback(0);
  REQUIRE(::bind(taken.get(), address.data(), address.size()) == 0);
  socklen_t size = SocketAddress::kCapacity;
  getsockname(taken.get(), address.data(), &size);
  const auto refused = UdpServer::bind(loop, address, echo);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find(address.to_text()) != std::string::npos);
}

}  // namespace cenote::udp_server_test
