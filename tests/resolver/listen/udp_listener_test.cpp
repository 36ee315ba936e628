#include "resolver/listen/udp_listener.h"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "tests/support/served_pipeline.h"

namespace cenote::udp_listener_test {
using namespace cenote::test;

namespace {

struct Served : ServedPipeline {
  explicit Served(ScriptedUpstream::Script script = {}, Proxies proxies = {})
      : ServedPipeline(std::move(script)) {
    on_loop([&] {
      auto opened = UdpListener::open(loop(), loopback(0), pipeline(), std::move(proxies));
      REQUIRE(opened);
      listener = std::move(*opened);
      listener->start();
    });
  }
  ~Served() {
    on_loop([&] { listener.reset(); });
  }
  std::unique_ptr<UdpListener> listener;
};

// A question behind the header of a proxy: by UDP over IPv4, from port 4321.
Wire proxied(std::array<uint8_t, 4> client, const Wire& asked, uint8_t command = 0x21) {
  Wire made{'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n', command, 0x12, 0, 12};
  made.insert(made.end(), client.begin(), client.end());
  made.insert(made.end(), {198, 51, 100, 1, 0x10, 0xE1, 0, 53});
  made.insert(made.end(), asked.begin(), asked.end());
  return made;
}

const Proxies kListed({*Prefix::from_text("127.0.0.0/8")});

}  // namespace

TEST_CASE("behind a listed proxy the client is the one that it names", "[listen][udp][proxy]") {
  Served served({}, kListed);
  const Wire asked = query("www.example.com", rrtype::kA);
  const SocketAddress server = served.listener->local();
  for (int i = 0; i < 2; ++i) {  // after a wait, and at once
    const auto answer = test::ask(server, proxied({10, 0, 0, 5}, asked));
    REQUIRE(answer);
    CHECK(read(*answer).answers.size() == 1);
  }
  // Not the proxy's right to ask counts, but its client's.
  const auto refused = test::ask(server, proxied({192, 0, 2, 7}, asked));
  REQUIRE(refused);
  CHECK(read(*refused).rcode == 5);
  CHECK(served.pipeline().counters().refused_clients.value() == 1);
  // A health check speaks for the proxy itself.
  CHECK(read(test::ask(server, proxied({192, 0, 2, 7}, asked, 0x20)).value()).answers.size() == 1);
}

TEST_CASE("a listed proxy's datagram without a good header is dropped and counted", "[listen][udp][proxy]") {
  Served served({}, kListed);
  const Wire asked = query("www.example.com", rrtype::kA);
  Wire cut = proxied({10, 0, 0, 5}, {});
  cut.pop_back();
  for (const Wire& bad : {asked, cut, proxied({10, 0, 0, 5}, asked, 0x31)}) {
    CHECK_FALSE(test::ask(served.listener->local(), bad, milliseconds{100}));
  }
  CHECK(served.pipeline().counters().bad_proxies.value() == 3);
  // A header and nothing behind it is no question.
  CHECK_FALSE(test::ask(served.listener->local(), proxied({10, 0, 0, 5}, {}), milliseconds{100}));
  CHECK(served.pipeline().counters().ignored.value() == 1);
}

TEST_CASE("a header from anybody else is dropped and counted, a question of theirs is served",
          "[listen][udp][proxy]") {
  Served served({}, Proxies({*Prefix::from_text("192.0.2.8")}));
  const Wire asked = query("www.example.com", rrtype::kA);
  CHECK_FALSE(test::ask(served.listener->local(), proxied({10, 0, 0, 5}, asked), milliseconds{100}));
  CHECK(served.pipeline().counters().bad_proxies.value() == 1);
  CHECK(read(test::ask(served.listener->local(), asked).value()).answers.size() == 1);
}

TEST_CASE("a datagram is answered, at once from the cache and later from upstream", "[listen][udp]") {
  Served served;
  for (int i = 0; i < 2; ++i) {
    const auto answer = test::ask(served.listener->local(), query("www.example.com", rrtype::kA));
    REQUIRE(answer);
    CHECK(read(*answer).answers.size() == 1);
  }
  CHECK(served.upstream.queries() == 1);
}

TEST_CASE("what is no query is met with silence", "[listen][udp]") {  // RFC 1035 section 4.1.1: QR
  Served served;
  Wire response = query("www.example.com", rrtype::kA);
  response[2] |= 0x80;
  CHECK_FALSE(test::ask(served.listener->local(), response, milliseconds{100}));
  CHECK_FALSE(test::ask(served.listener->local(), Wire{1, 2, 3}, milliseconds{100}));
  CHECK(served.listener->counters().received.value() == 2);
  CHECK(served.listener->counters().sent.value() == 0);
}

TEST_CASE("what has arrived is served after the stop", "[listen][udp]") {
  Served served;
  const Descriptor client(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress server = served.listener->local();
  const Wire asked = query("www.example.com", rrtype::kA);
  served.on_loop([&] {
    // The loop is here, so nobody receives it before the stop.
    sendto(client.get(), asked.data(), asked.size(), 0, server.data(), server.size());
    served.listener->stop();
  });
  CHECK(served.becomes([&] { return served.listener->counters().sent.value() == 1; }));
}

}  // namespace cenote::udp_listener_test
