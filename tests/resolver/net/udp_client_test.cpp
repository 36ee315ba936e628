#include "resolver/net/udp_client.h"

#include <cerrno>
#include <set>

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "resolver/base/descriptors.h"
#include "tests/support/sockets.h"

namespace cenote::udp_client_test {
using test::Descriptor;

namespace {

class Heard final : public UdpClient::Handler {
 public:
  explicit Heard(Loop& loop) : loop_(loop) {}
  bool on_reply(Bytes datagram) override {
    replies.emplace_back(as_text(datagram));
    loop_.stop();
    return waits_for_more;
  }
  void on_unreachable() override {
    ++unreachable;
    loop_.stop();
  }
  std::vector<std::string> replies;
  int unreachable = 0;
  bool waits_for_more = false;

 private:
  Loop& loop_;
};

struct Fixture {
  Loop loop;
  Random random;
  Heard heard{loop};
  UdpClient::Inbox inbox;
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
    int error = 0;
    auto made = UdpClient::open(loop, address, random, inbox, heard, error);
    REQUIRE(made);
    return made;
  }
  static int send(UdpClient& client, std::string_view text) { return client.send(as_bytes(text)); }
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
  REQUIRE(send(*client, "question") == 0);
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
    REQUIRE(send(*client, "x") == 0);
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
  send(*client, "question");
  run();
  CHECK(heard.unreachable == 1);
}

TEST_CASE_METHOD(Fixture, "many datagrams arrive in order", "[net][udp]") {
  heard.waits_for_more = GENERATE(true, false);
  const auto client = open();
  REQUIRE(send(*client, "question") == 0);
  const SocketAddress from = receive();
  for (size_t i = 0; i < 40; ++i) {  // more than are read in one turn
    const std::string answer = std::to_string(i);
    sendto(server.get(), answer.data(), answer.size(), 0, from.data(), from.size());
  }
  for (int turn = 0; turn < 40 && heard.replies.size() < 40; ++turn) {
    run();
  }
  REQUIRE(heard.replies.size() == 40);
  for (size_t i = 0; i < heard.replies.size(); ++i) {
    CHECK(heard.replies[i] == std::to_string(i));
  }
}

TEST_CASE_METHOD(Fixture, "an error of an earlier datagram does not take the next one", "[net][udp]") {
  const auto client = open();
  server = Descriptor();
  send(*client, "to nobody");  // the kernel tells it with the next call
  Descriptor again(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(again.get(), address.data(), address.size()) == 0);
  server = std::move(again);
  CHECK(send(*client, "question") == 0);
  receive();
}

TEST_CASE("what fails for want of room says nothing of the server", "[net][udp]") {
  CHECK(is_want_of_room(EMFILE));
  CHECK(is_want_of_room(ENOBUFS));
  CHECK_FALSE(is_want_of_room(ENETUNREACH));
  CHECK_FALSE(is_want_of_room(EPERM));
}

}  // namespace cenote::udp_client_test
