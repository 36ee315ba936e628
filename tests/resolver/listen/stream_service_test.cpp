#include "resolver/listen/stream_service.h"

#include <set>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/support/served_pipeline.h"

namespace cenote::stream_service_test {
using namespace cenote::test;

namespace {

struct Served : ServedPipeline {
  explicit Served(StreamLimits limits = {}, ScriptedUpstream::Script script = {})
      : ServedPipeline(std::move(script)) {
    on_loop([&] {
      auto opened = StreamService::open(loop(), loopback(0), nullptr, pipeline(), limits);
      REQUIRE(opened);
      service = std::move(*opened);
    });
  }
  ~Served() {
    on_loop([&] { service.reset(); });
  }
  Descriptor connect() { return connect_tcp(service->local()); }
  size_t connections() {
    size_t count = 0;
    on_loop([&] { count = service->connections(); });
    return count;
  }

  std::unique_ptr<StreamService> service;
};

std::vector<Wire> silence(const Wire&, bool) {
  return {};
}

// So many questions for different names in one piece of bytes.
Wire questions(int count) {
  Wire all;
  for (int i = 0; i < count; ++i) {
    const Wire one = framed(
        query("n" + std::to_string(i) + ".example.com", rrtype::kA, {.id = static_cast<uint16_t>(i + 1)}));
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

bool is_closed(const Descriptor& client, milliseconds wait) {
  return !read_frame(client.get(), wait);
}

}  // namespace

TEST_CASE("questions beyond a connection's bound are not served until others are answered, and none is lost",
          "[listen][stream]") {  // RFC 7766 section 6.2.1.1
  Served served({.questions_under_way = 4}, silence);
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), questions(20)));
  REQUIRE(served.becomes([&] { return served.waiting() >= 4; }));
  CHECK(served.waiting() == 4);
  served.upstream.set(ScriptedUpstream::default_script);
  std::set<uint16_t> answered;
  while (answered.size() < 20) {
    const auto answer = read_frame(client.get(), milliseconds{6000});
    REQUIRE(answer);
    CHECK(read(*answer).answers.size() == 1);
    answered.insert(read(*answer).id);
  }
  CHECK(served.waiting() == 0);
}

TEST_CASE("a frame may come byte by byte", "[listen][stream]") {  // RFC 7766 section 8
  Served served;
  const Descriptor client = served.connect();
  for (const uint8_t byte : framed(query("www.example.com", rrtype::kA))) {
    REQUIRE(send_all(client.get(), Bytes(&byte, 1)));
  }
  const auto answer = read_frame(client.get());
  REQUIRE(answer);
  CHECK(read(*answer).answers.size() == 1);
}

TEST_CASE("a connection that stays idle is closed", "[listen][stream]") {  // RFC 7766 section 6.2.3
  Served served({.idle = seconds{1}, .handshake = seconds{1}});
  const Descriptor silent = served.connect();
  const Descriptor used = served.connect();
  REQUIRE(send_all(used.get(), framed(query("www.example.com", rrtype::kA))));
  REQUIRE(read_frame(used.get()));
  CHECK(is_closed(silent, milliseconds{4000}));
  CHECK(is_closed(used, milliseconds{4000}));
  CHECK(served.becomes([&] { return served.connections() == 0; }));
}

TEST_CASE("one client holds only so many connections", "[listen][stream]") {  // RFC 7766 section 6.2.2
  Served served({.connections_per_client = 2});
  const Descriptor first = served.connect();
  const Descriptor second = served.connect();
  REQUIRE(served.becomes([&] { return served.connections() == 2; }));
  const Descriptor third = served.connect();
  CHECK(is_closed(third, milliseconds{3000}));
  CHECK(served.connections() == 2);
  CHECK(served.service->refused() == 1);
}

TEST_CASE("whoever goes before the answer comes harms nobody", "[listen][stream]") {
  Served served({}, silence);
  {
    const Descriptor client = served.connect();
    REQUIRE(send_all(client.get(), questions(3)));
    REQUIRE(served.becomes([&] { return served.waiting() == 3; }));
  }
  REQUIRE(served.becomes([&] { return served.connections() == 0; }));
  served.upstream.set(ScriptedUpstream::default_script);
  CHECK(served.becomes([&] { return served.waiting() == 0; }));
}

TEST_CASE("after stop nobody is let in and idle connections end", "[listen][stream]") {
  Served served;
  const Descriptor client = served.connect();
  REQUIRE(served.becomes([&] { return served.connections() == 1; }));
  const SocketAddress address = served.service->local();
  served.on_loop([&] { served.service->stop(); });
  CHECK(is_closed(client, milliseconds{3000}));
  CHECK(served.becomes([&] { return connect_tcp(address).get() < 0; }));
}

}  // namespace cenote::stream_service_test
