#include "resolver/net/udp_client.h"

#include <set>

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "tests/support/sockets.h"

namespace cenote::udp_client_test {
using test::Descriptor;

namespace {

class Heard final : public UdpClient::Handler {
 public:
  explicit Heard(Loop& loop) : loop_(loop) {}
  void on_reply(UdpClient&, Bytes datagram) override {
    replies.emplace_back(as_text(datagram));
    loop_.stop();
  }
  void on_unreachable(UdpClient&) override {
    ++unreachable;
    loop_.stop();
  }
  std::vector<std::string> replies;
  int unreachable = 0;

 private:
  Loop& loop_;
};

struct Fixture {
  Loop loop;
  Random random;
  Heard heard{loop};
  Descriptor server{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  SocketAddress address = bound(server);

  static SocketAddress bound(const Descriptor& descriptor) {
    SocketAddress local = test::loopback(0);
    REQUIRE(bind(descriptor.get(), local.data(), local.size()) == 0);
    socklen_t size = SocketAddress::kCapacity;
    getsockname(descriptor.get(), local.data(), &size);
    return local;
  }
  std::unique_ptr<UdpClient> open() {
    auto made = UdpClient::open(loop, address, random, heard);
    REQUIRE(made);
    return std::move(*made);
  }
  // Who sent the next datagram to the server.
  SocketAddress receive() const {
    std::array<uint8_t, 100> buffer;
    SocketAddress from;
    socklen_t size = SocketAddress::kCapacity;
    REQUIRE(recvfrom(server.get(), buffer.data(), buffer.size(), 0, from.data(), &size) > 0);
    return from;
  }
  void run() {
    Timer limit(loop, [this] { loop.stop(); });
    limit.start(seconds{5});
    loop.run();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "only the server's own datagrams are heard",
                 "[net][udp]") {  // RFC 5452 section 9.1
  const auto client = open();
  REQUIRE(client->send(as_bytes("question")));
  const SocketAddress from = receive();
  const Descriptor forger(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sendto(forger.get(), "forged", 6, 0, from.data(), from.size());
  sendto(server.get(), "answer", 6, 0, from.data(), from.size());
  run();
  CHECK(heard.replies == std::vector<std::string>{"answer"});
}

TEST_CASE_METHOD(Fixture, "each socket has a port of its own, from the whole range", "[net][udp]") {
  std::set<uint16_t> ports;  // RFC 5452 section 9.2
  uint16_t least = 65535;
  uint16_t most = 0;
  for (int i = 0; i < 64; ++i) {
    const auto client = open();
    REQUIRE(client->send(as_bytes("x")));
    const uint16_t port = receive().port();
    ports.insert(port);
    least = std::min(least, port);
    most = std::max(most, port);
  }
  CHECK(ports.size() >= 60);
  CHECK(least < 20000);  // by chance above once in 10^9
  CHECK(most > 45000);
}

TEST_CASE_METHOD(Fixture, "a host where nothing listens is reported", "[net][udp]") {
  const auto client = open();
  server = Descriptor();
  client->send(as_bytes("question"));
  run();
  CHECK(heard.unreachable == 1);
}

}  // namespace cenote::udp_client_test
