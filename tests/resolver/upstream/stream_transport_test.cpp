#include "resolver/upstream/stream_transport.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"
#include "tests/support/sockets.h"

namespace cenote::stream_transport_test {
namespace {

using test::ScriptedUpstream;
using test::Wire;

class Heard final : public TransportEvents {
 public:
  bool on_response(const Attempt&, Bytes message) override {
    names.push_back(test::read(message).question_name);
    stop_at(names.size());
    return true;
  }
  void on_unreachable(const Attempt&) override { stop_at(++unreachable); }
  void on_closed(const Attempt&) override { stop_at(++closed); }
  void stop_at(size_t count) {
    if (count >= wanted) {
      loop.stop();
    }
  }
  Loop loop;
  size_t wanted = 1;
  std::vector<std::string> names;
  size_t unreachable = 0;
  size_t closed = 0;
};

struct Fixture {
  Random random;
  Heard heard;
  SocketAddress address = test::loopback(0);

  test::Descriptor listen_somewhere() {
    test::Descriptor listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(bind(listening.get(), address.data(), address.size()) == 0);
    REQUIRE(listen(listening.get(), 64) == 0);
    socklen_t size = SocketAddress::kCapacity;
    getsockname(listening.get(), address.data(), &size);
    return listening;
  }

  void send(StreamTransport& transport, const std::string& name) const {
    CHECK(transport.send({}, {Name::from_text(name).value(), rrtype::kA, false, false}));
  }
  void run(size_t wanted, milliseconds most = seconds{8}) {
    heard.wanted = wanted;
    Timer limit(heard.loop, [this] { heard.loop.stop(); });
    limit.start(most);
    heard.loop.run();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "questions share a connection and are answered in any order",
                 "[upstream][stream]") {
  const ScriptedUpstream upstream;  // RFC 7766 sections 6.2.1.1 and 7
  StreamTransport transport(heard.loop, {upstream.address()}, random, heard);
  for (const char* name : {"a.example", "b.example", "c.example"}) {
    send(transport, name);
  }
  run(3);
  CHECK(heard.names.size() == 3);
  CHECK(transport.connections() == 1);
}

TEST_CASE_METHOD(Fixture,
                 "a connection on which nothing comes back is replaced and its questions asked again",
                 "[upstream][stream]") {
  // Half dead: it takes what is sent, and more is sent all the time.
  std::atomic<int> asked{0};
  const ScriptedUpstream upstream([&](const Wire& query, bool over_tcp) {
    return test::read(query).question_name == "first.example" && asked++ == 0
               ? std::vector<Wire>{}
               : ScriptedUpstream::default_script(query, over_tcp);
  });
  StreamTransport transport(heard.loop, {upstream.address()}, random, heard);
  send(transport, "first.example");
  run(1);
  CHECK(heard.names == std::vector<std::string>{"first.example"});
  CHECK(heard.unreachable == 0);
  CHECK(transport.connections() == 2);
}

TEST_CASE_METHOD(Fixture, "a process that was held up does not take its own silence for the server's",
                 "[upstream][stream]") {
  const bool before_asking = GENERATE(true, false);
  constexpr milliseconds kHeldUp{2100};  // longer than silence may last
  std::atomic<bool> may_answer{before_asking};
  const ScriptedUpstream upstream([&](const Wire& query, bool over_tcp) {
    while (!may_answer) {
      std::this_thread::yield();
    }
    return ScriptedUpstream::default_script(query, over_tcp);
  });
  StreamTransport transport(heard.loop, {upstream.address()}, random, heard);
  Timer watch(heard.loop, [&] {
    if (upstream.tcp_queries() == 1 && !may_answer.exchange(true)) {
      std::this_thread::sleep_for(kHeldUp);  // while the answer comes
    }
  });
  if (before_asking) {
    std::this_thread::sleep_for(kHeldUp);  // in one turn of the loop
  }
  send(transport, "www.example");
  watch.start(milliseconds{1}, milliseconds{1});
  run(1);
  CHECK(heard.names.size() == 1);
  CHECK(transport.connections() == 1);
}

TEST_CASE_METHOD(Fixture, "steady questions do not keep a half-dead connection alive", "[upstream][stream]") {
  std::atomic<bool> dead{true};
  const ScriptedUpstream upstream([&](const Wire& query, bool over_tcp) {
    return dead ? std::vector<Wire>{} : ScriptedUpstream::default_script(query, over_tcp);
  });
  StreamTransport transport(heard.loop, {upstream.address()}, random, heard);
  int sent = 0;
  Timer steady(heard.loop, [&] {
    dead = transport.connections() < 2;
    send(transport, "n" + std::to_string(sent++) + ".example");
  });
  steady.start(milliseconds{0}, milliseconds{100});
  run(10);
  CHECK(transport.connections() >= 2);
  CHECK(heard.names.size() >= 10);
}

TEST_CASE_METHOD(Fixture, "a server that closes after an answer is asked the rest again",
                 "[upstream][stream]") {
  const test::Descriptor listening = listen_somewhere();  // RFC 7766 section 6.2.4
  std::thread server([&] {
    for (int i = 0; i < 3; ++i) {
      const test::Descriptor client(accept(listening.get(), nullptr, nullptr));
      if (const auto query = test::read_frame(client.get())) {
        test::send_all(client.get(), test::framed(ScriptedUpstream::default_script(*query, true).front()));
      }
    }
  });
  StreamTransport transport(heard.loop, {address}, random, heard);
  for (const char* name : {"a.example", "b.example", "c.example"}) {
    send(transport, name);
  }
  run(3);
  server.join();
  CHECK(heard.names.size() == 3);
  CHECK(heard.unreachable == 0);
}

TEST_CASE_METHOD(Fixture,
                 "a server that takes one question a connection gets several connections side by side",
                 "[upstream][stream]") {
  const test::Descriptor listening = listen_somewhere();
  std::atomic<bool> stopping{false};
  std::vector<std::thread> connections;
  std::thread server([&] {
    while (!stopping) {
      const int accepted = accept(listening.get(), nullptr, nullptr);
      connections.emplace_back([accepted] {
        const test::Descriptor client(accepted);
        if (const auto query = test::read_frame(client.get())) {
          std::this_thread::sleep_for(milliseconds{50});
          test::send_all(client.get(), test::framed(ScriptedUpstream::default_script(*query, true).front()));
        }
      });
    }
  });
  StreamTransport transport(heard.loop, {address}, random, heard);
  constexpr size_t kQuestions = 40;
  for (size_t i = 0; i < kQuestions; ++i) {
    send(transport, "n" + std::to_string(i) + ".example");
  }
  run(kQuestions);
  CHECK(heard.names.size() == kQuestions);
  CHECK(heard.unreachable == 0);
  CHECK(heard.closed == 0);
  CHECK(transport.connections() >= kQuestions);
  stopping = true;
  shutdown(listening.get(), SHUT_RDWR);
  server.join();
  for (std::thread& each : connections) {
    each.join();
  }
}

TEST_CASE_METHOD(Fixture, "a server that closes each connection without a word is reported as that",
                 "[upstream][stream]") {
  const test::Descriptor listening = listen_somewhere();
  std::thread server([&] {
    while (true) {
      const test::Descriptor client(accept(listening.get(), nullptr, nullptr));
      if (client.get() < 0) {
        return;
      }
      test::read_frame(client.get());
    }
  });
  StreamTransport transport(heard.loop, {address}, random, heard);
  send(transport, "www.example");
  run(1);
  CHECK(heard.closed == 1);
  CHECK(transport.connections() == 2);
  shutdown(listening.get(), SHUT_RDWR);
  server.join();
}

TEST_CASE_METHOD(Fixture, "where nothing listens the question is told so", "[upstream][stream]") {
  StreamTransport transport(heard.loop, {test::loopback(test::free_port())}, random, heard);
  send(transport, "www.example");
  run(1);
  CHECK(heard.unreachable == 1);
}

}  // namespace cenote::stream_transport_test
