#include "resolver/upstream/udp_transport.h"

#include <atomic>
#include <set>

#include <catch2/catch.hpp>

#include "resolver/dns/scrub.h"
#include "tests/support/dns_text.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/sockets.h"

namespace cenote::udp_transport_test {
namespace {

using test::Reply;
using test::ScriptedUpstream;
using test::Wire;

class Heard final : public TransportEvents {
 public:
  bool on_response(const Attempt&, Bytes message) override {
    ScrubbedResponse scrubbed;
    if (scrub_response(message, false, scrubbed) != ScrubStatus::kOk) {
      return false;
    }
    responses.push_back(test::read(message));
    loop.stop();
    return true;
  }
  void on_unreachable(const Attempt&) override {
    ++unreachable;
    loop.stop();
  }
  Loop loop;
  std::vector<test::Message> responses;
  int unreachable = 0;
};

struct Fixture {
  Random random;
  Heard heard;

  void ask(UdpTransport& transport, const std::string& name) {
    // libuv reads the clock once a turn: this turn is for that.
    heard.loop.stop();
    heard.loop.run();
    heard.loop.post([&] {
      const auto sent = transport.send({}, {Name::from_text(name).value(), rrtype::kA, false, false});
      CHECK(sent.result == Sending::kSent);
    });
    Timer limit(heard.loop, [this] { heard.loop.stop(); });
    limit.start(seconds{5});
    heard.loop.run();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a reply with another id, question or type is no reply, and the wait goes on",
                 "[upstream][udp]") {  // RFC 5452 section 9.1
  const ScriptedUpstream upstream([](const Wire& query, bool over_tcp) {
    const auto id = static_cast<uint16_t>((query[0] << 8) | query[1]);
    const Wire good = ScriptedUpstream::default_script(query, over_tcp).front();
    Wire other_name = good;
    other_name[13] = static_cast<uint8_t>(other_name[13] + 1);
    Wire other_type = good;
    other_type[12 + 13 + 1] = 28;
    Wire no_reply = good;
    no_reply[2] &= 0x7F;
    return std::vector<Wire>{Reply(query).id(static_cast<uint16_t>(id + 1)).wire(),
                             other_name,
                             other_type,
                             no_reply,
                             Wire{1, 2},
                             good};
  });
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  ask(transport, "www.example");
  REQUIRE(heard.responses.size() == 1);
  CHECK(heard.responses[0].answers.size() == 1);
  CHECK(transport.counters().mismatched.value() == 5);
  CHECK(transport.counters().replies.value() == 1);
}

TEST_CASE_METHOD(Fixture, "a garbled reply does not end the wait", "[upstream][udp]") {
  const ScriptedUpstream upstream([](const Wire& query, bool over_tcp) {
    const Wire good = ScriptedUpstream::default_script(query, over_tcp).front();
    const Wire cut(good.begin(), good.end() - 3);
    return std::vector<Wire>{cut, good};
  });
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  ask(transport, "www.example");
  CHECK(heard.responses.size() == 1);
  CHECK(transport.counters().garbled.value() == 1);
}

TEST_CASE_METHOD(Fixture, "each question leaves from a port of its own, and no port is soon used again",
                 "[upstream][udp]") {  // RFC 5452 section 9.2
  const ScriptedUpstream upstream;
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  constexpr size_t kQuestions = 2000;  // one after the other, in less than a socket's life
  for (size_t i = 0; i < kQuestions; ++i) {
    ask(transport, "n" + std::to_string(i) + ".example");
  }
  const std::vector<uint16_t> ports = upstream.client_ports();
  REQUIRE(ports.size() == kQuestions);
  for (size_t first = 0; first + 256 <= kQuestions; first += 64) {
    const std::set<uint16_t> some(ports.begin() + static_cast<ptrdiff_t>(first),
                                  ports.begin() + static_cast<ptrdiff_t>(first) + 256);
    CHECK(some.size() >= 255);
  }
  const std::set<uint16_t> all(ports.begin(), ports.end());
  CHECK(*all.begin() < 20000);  // by chance above once in 10^30
  CHECK(*all.rbegin() > 45000);
  CHECK(transport.sockets() < 1000);
  // In no order: neighbours go up as often as down.
  size_t rises = 0;
  for (size_t i = 1; i < kQuestions; ++i) {
    rises += ports[i] > ports[i - 1] ? 1U : 0U;
  }
  CHECK(rises > kQuestions / 2 - 200);
  CHECK(rises < kQuestions / 2 + 200);
}

TEST_CASE_METHOD(Fixture, "no socket stays when nobody asks any more", "[upstream][udp]") {
  const ScriptedUpstream upstream;
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  ask(transport, "a.example");
  ask(transport, "b.example");
  CHECK(transport.sockets() == 2);
  test::pass_time(seconds{2});
  Timer later(heard.loop, [this] { heard.loop.stop(); });
  later.start(milliseconds{1});
  heard.loop.run();
  CHECK(transport.sockets() == 0);
}

TEST_CASE_METHOD(Fixture, "more questions than there may be sockets share them, and each gets its answer",
                 "[upstream][udp]") {
  constexpr unsigned kSilent = 1900;  // so many wait, and hold all sockets
  constexpr unsigned kAnswered = 300;
  std::atomic<unsigned> asked{0};
  const ScriptedUpstream upstream([&](const Wire& query, bool over_tcp) {
    return asked++ < kSilent ? std::vector<Wire>{} : ScriptedUpstream::default_script(query, over_tcp);
  });
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  unsigned sent = 0;
  Timer steady(heard.loop, [&] {
    for (int i = 0; i < 20 && sent < kSilent + kAnswered && sent < upstream.queries() + 20; ++i) {
      const Name name = Name::from_text("n" + std::to_string(sent++) + ".example").value();
      CHECK(transport.send({}, {name, rrtype::kA, false, false}).result == Sending::kSent);
    }
  });
  steady.start(milliseconds{1}, milliseconds{1});
  Timer limit(heard.loop, [this] { heard.loop.stop(); });
  limit.start(seconds{20});
  while (heard.responses.size() < kAnswered && limit.is_active()) {
    heard.loop.run();
  }
  CHECK(heard.responses.size() == kAnswered);
  CHECK(transport.sockets() == 1024);
  CHECK(transport.counters().mismatched.value() == 0);
}

TEST_CASE_METHOD(Fixture, "what the system refuses to send is said at once", "[upstream][udp]") {
  // 240.0.0.0/4 is no host's (RFC 1112 section 4): Linux knows no way to the broadcast address at its end.
  UdpTransport transport(heard.loop, *SocketAddress::from_text("255.255.255.255:53"), random, heard);
  const auto sent = transport.send({}, {Name::from_text("www.example").value(), rrtype::kA, false, false});
  CHECK(sent.result == Sending::kNoWay);
  CHECK(transport.sockets() == 0);
}

TEST_CASE_METHOD(Fixture, "an upstream where nothing listens is told at once", "[upstream][udp]") {
  UdpTransport transport(heard.loop, test::loopback(test::free_port()), random, heard);
  ask(transport, "www.example");
  CHECK(heard.unreachable == 1);
}

}  // namespace cenote::udp_transport_test
