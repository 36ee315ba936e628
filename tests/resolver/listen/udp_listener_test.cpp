#include "resolver/listen/udp_listener.h"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "tests/support/served_pipeline.h"

namespace cenote::udp_listener_test {
using namespace cenote::test;

namespace {

struct Served : ServedPipeline {
  explicit Served(ScriptedUpstream::Script script = {}) : ServedPipeline(std::move(script)) {
    on_loop([&] {
      auto opened = UdpListener::open(loop(), loopback(0), pipeline());
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

}  // namespace

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
