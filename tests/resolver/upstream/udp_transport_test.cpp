#include "resolver/upstream/udp_transport.h"

#include <catch2/catch.hpp>

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
  void on_response(const Attempt&, Bytes message) override {
    responses.push_back(test::read(message));
    loop.stop();
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
      CHECK(transport.send({}, {Name::from_text(name).value(), rrtype::kA, false, false}));
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

TEST_CASE_METHOD(Fixture, "a socket is replaced when it has been open for long, however little it was used",
                 "[upstream][udp]") {  // RFC 5452 section 9.2
  const ScriptedUpstream upstream;
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  ask(transport, "a.example");
  ask(transport, "b.example");
  CHECK(transport.sockets() == 2);
  test::pass_time(seconds{11});
  ask(transport, "c.example");
  CHECK(transport.sockets() == 1);
  CHECK(heard.responses.size() == 3);
}

TEST_CASE_METHOD(Fixture, "no socket stays when nobody asks any more", "[upstream][udp]") {
  const ScriptedUpstream upstream;
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  ask(transport, "a.example");
  CHECK(transport.sockets() == 1);
  test::pass_time(seconds{11});
  Timer later(heard.loop, [this] { heard.loop.stop(); });
  later.start(milliseconds{1});
  heard.loop.run();
  CHECK(transport.sockets() == 0);
}

TEST_CASE_METHOD(Fixture, "questions of one turn share a socket as far as it may be used",
                 "[upstream][udp]") {
  const ScriptedUpstream upstream;
  UdpTransport transport(heard.loop, upstream.address(), random, heard);
  constexpr size_t kQuestions = 150;
  heard.loop.post([&] {
    for (size_t i = 0; i < kQuestions; ++i) {
      const Name name = Name::from_text("n" + std::to_string(i) + ".example").value();
      CHECK(transport.send({}, {name, rrtype::kA, false, false}));
    }
    CHECK(transport.sockets() == 3);  // 64 uses each
  });
  Timer limit(heard.loop, [this] { heard.loop.stop(); });
  limit.start(seconds{5});
  while (heard.responses.size() < kQuestions && limit.is_active()) {
    heard.loop.run();
  }
  CHECK(heard.responses.size() == kQuestions);
  CHECK(transport.counters().sent.value() == kQuestions);
  CHECK(transport.counters().mismatched.value() == 0);
}

TEST_CASE_METHOD(Fixture, "an upstream where nothing listens is told at once", "[upstream][udp]") {
  UdpTransport transport(heard.loop, test::loopback(test::free_port()), random, heard);
  ask(transport, "www.example");
  CHECK(heard.unreachable == 1);
}

}  // namespace cenote::udp_transport_test
