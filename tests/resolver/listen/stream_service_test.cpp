#include "resolver/listen/stream_service.h"

#include <set>

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/support/fake_snapshot.h"
#include "tests/support/served_pipeline.h"

namespace cenote::stream_service_test {
using namespace cenote::test;

namespace {

struct Served : ServedPipeline {
  explicit Served(StreamLimits limits = {}, ScriptedUpstream::Script script = {}, Proxies proxies = {})
      : ServedPipeline(std::move(script)) {
    on_loop([&] {
      auto opened = StreamService::open(loop(), loopback(0), nullptr, pipeline(), limits, std::move(proxies));
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

// The header of a proxy that speaks for 10.0.0.<last> by TCP over IPv4.
Wire header(uint8_t last, uint8_t command = 0x21) {
  return {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T',  '\n', command, 0x11,
          0,    12,   10,   0,    0, last, 198,  51,  100, 1,   0x10, 0xE1, 0,       53};
}

const Proxies kListed({*Prefix::from_text("127.0.0.0/8")});
const Wire kQuestion = framed(query("www.example.com", rrtype::kA));

bool is_answered(const Descriptor& client) {
  const auto answer = read_frame(client.get());
  return answer && read(*answer).answers.size() == 1;
}

}  // namespace

TEST_CASE("a proxy's connection begins with its header, in whatever pieces", "[listen][stream][proxy]") {
  Served served({}, {}, kListed);
  const size_t piece = GENERATE(as<size_t>(), 1, 5, 13, 27, 28, 29, 1000);
  CAPTURE(piece);
  Wire all = header(5);
  all.insert(all.end(), kQuestion.begin(), kQuestion.end());
  const Descriptor client = served.connect();
  for (size_t at = 0; at < all.size(); at += piece) {
    REQUIRE(send_all(client.get(), Bytes(all).subspan(at, std::min(piece, all.size() - at))));
    served.on_loop([] {});  // which reads what has come before the next piece goes
  }
  CHECK(is_answered(client));
  REQUIRE(send_all(client.get(), kQuestion));
  CHECK(is_answered(client));
}

TEST_CASE("connections are counted for a proxy's clients, not for the proxy", "[listen][stream][proxy]") {
  Served served({.connections_per_client = 2}, {}, kListed);
  std::vector<Descriptor> clients;
  const auto open = [&](uint8_t last) {
    clients.push_back(served.connect());
    REQUIRE(send_all(clients.back().get(), header(last)));
    REQUIRE(send_all(clients.back().get(), kQuestion));
    return is_answered(clients.back());
  };
  CHECK(open(5));
  CHECK(open(5));
  CHECK(open(6));
  CHECK(served.connections() == 3);
  CHECK(open(5));
  CHECK(is_closed(clients[0], milliseconds{3000}));
  CHECK(served.connections() == 3);
}

TEST_CASE("a proxy that opens many connections and says nothing is not in its own way",
          "[listen][stream][proxy]") {
  Served served({.connections = 20, .connections_per_client = 10}, {}, kListed);
  std::vector<Descriptor> silent;
  for (int i = 0; i < 60; ++i) {
    silent.push_back(served.connect());
  }
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), header(5)));
  REQUIRE(send_all(client.get(), kQuestion));
  CHECK(is_answered(client));
  CHECK(served.becomes([&] { return served.connections() == 20; }));
}

TEST_CASE("a connection whose opening is not what its sender must send is closed and counted",
          "[listen][stream][proxy]") {
  const auto [listed, opening] = GENERATE(table<bool, Wire>({
      {true, kQuestion},
      {true, header(5, 0x31)},
      {true, {'P', 'R', 'O', 'X', 'Y'}},
      {false, header(5)},
  }));
  Served served({}, {}, listed ? kListed : Proxies({*Prefix::from_text("192.0.2.8")}));
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), opening));
  CHECK(is_closed(client, milliseconds{3000}));
  CHECK(served.pipeline().counters().bad_proxies.value() == 1);
  CHECK(served.connections() == 0);
}

TEST_CASE("who is no proxy asks as ever, and a proxy that never finishes its header is closed in time",
          "[listen][stream][proxy]") {
  Served others({}, {}, Proxies({*Prefix::from_text("192.0.2.8")}));
  const Descriptor plain = others.connect();
  REQUIRE(send_all(plain.get(), kQuestion));
  CHECK(is_answered(plain));
  Served served({.first_question = seconds{1}}, {}, kListed);
  const Descriptor slow = served.connect();
  REQUIRE(send_all(slow.get(), Bytes(header(5)).first(20)));
  CHECK(is_closed(slow, milliseconds{5000}));
}

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

TEST_CASE("a client that does not read is not served on, and loses nothing when it reads again",
          "[listen][stream]") {
  constexpr int kQuestions = 1500;
  const Wire asked = framed(query("large.example.com", rrtype::kTxt));
  // 15 KB each, which the cache keeps: far more together than the kernel takes.
  const auto large = [](const Wire& question, bool over_tcp) {
    Reply reply(question);
    for (int i = 0; over_tcp && i < 60; ++i) {
      reply.answer("large.example.com. 300 IN TXT \"" + std::string(236, 'x') + std::to_string(1000 + i) +
                   "\"");
    }
    return std::vector<Wire>{over_tcp ? reply.wire() : reply.truncated().wire()};
  };
  Served served({}, large);
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), asked));
  REQUIRE(read_frame(client.get(), milliseconds{6000}));
  Wire all;
  for (int i = 0; i < kQuestions; ++i) {
    all.insert(all.end(), asked.begin(), asked.end());
  }
  REQUIRE(send_all(client.get(), all));
  const auto served_so_far = [&] { return served.pipeline().counters().cached.value(); };
  REQUIRE(served.becomes([&] { return served_so_far() > 20; }));
  uint64_t before = 0;
  REQUIRE(served.becomes([&] {
    std::this_thread::sleep_for(milliseconds{100});
    return std::exchange(before, served_so_far()) == served_so_far();
  }));
  CHECK(served_so_far() < kQuestions);
  int answered = 0;
  while (answered < kQuestions && read_frame(client.get(), milliseconds{6000})) {
    ++answered;
  }
  CHECK(answered == kQuestions);
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

TEST_CASE("a frame that cannot be a message ends the connection, after the answers before it",
          "[listen][stream]") {
  Served served;
  const size_t size = GENERATE(as<size_t>(), 0, 1, 11);
  CAPTURE(size);
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), kQuestion));
  REQUIRE(is_answered(client));  // and is in the cache: the next answer does not wait
  Wire bytes = kQuestion;
  const Wire runt = framed(Wire(size, 0));
  for (int i = 0; i < 1000; ++i) {
    bytes.insert(bytes.end(), runt.begin(), runt.end());
  }
  REQUIRE(send_all(client.get(), bytes));
  CHECK(is_answered(client));
  CHECK(is_closed(client, milliseconds{3000}));
  CHECK(served.connections() == 0);
}

TEST_CASE("a connection that stays idle is closed", "[listen][stream]") {  // RFC 7766 section 6.2.3
  Served served({.idle = seconds{1}, .first_question = seconds{1}});
  const Descriptor silent = served.connect();
  const Descriptor used = served.connect();
  REQUIRE(send_all(used.get(), framed(query("www.example.com", rrtype::kA))));
  REQUIRE(read_frame(used.get()));
  CHECK(is_closed(silent, milliseconds{4000}));
  CHECK(is_closed(used, milliseconds{4000}));
  CHECK(served.becomes([&] { return served.connections() == 0; }));
}

TEST_CASE("a question whose answer policy meets with silence keeps no connection and takes no place",
          "[listen][stream]") {
  Served served({.questions_under_way = 4, .idle = seconds{1}}, [](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("www.example.com. 60 IN CNAME x.drop.example.")
                                 .answer("x.drop.example. 60 IN A 192.0.2.1")
                                 .wire()};
  });
  Listed dropped;
  dropped.what = "drop.example";
  dropped.action = Action::kDrop;
  served.on_loop([&] { served.policy().adopt(std::make_shared<FakeSnapshot>(std::vector{dropped})); });
  const Descriptor client = served.connect();
  for (int i = 0; i < 12; ++i) {  // more than may be under way at once
    REQUIRE(send_all(client.get(), kQuestion));
  }
  REQUIRE(served.becomes([&] { return served.upstream.queries() == 1 && served.waiting() == 0; }));
  served.upstream.set(ScriptedUpstream::default_script);
  REQUIRE(send_all(client.get(), framed(query("www.other.example", rrtype::kA))));
  CHECK(is_answered(client));
  CHECK(is_closed(client, milliseconds{4000}));
  CHECK(served.becomes([&] { return served.connections() == 0; }));
}

TEST_CASE("a connection ends after its lifetime, however busy it is, but not before its answers",
          "[listen][stream]") {
  Served served({.lifetime = seconds{1}}, silence);
  const Descriptor waits = served.connect();
  REQUIRE(send_all(waits.get(), kQuestion));
  REQUIRE(served.becomes([&] { return served.waiting() == 1; }));
  const Descriptor idle = served.connect();
  CHECK(is_closed(idle, milliseconds{4000}));  // long before the 5 s of a first question
  CHECK(served.connections() == 1);
  CHECK(read_frame(waits.get(), milliseconds{15000}));  // SERVFAIL, when upstream has been given up
  CHECK(is_closed(waits, milliseconds{4000}));          // long before the 10 s of an idle one
}

TEST_CASE("when all places are taken, who has been idle longest makes room", "[listen][stream]") {
  Served served({.connections = 2});
  const Descriptor first = served.connect();
  REQUIRE(send_all(first.get(), kQuestion));
  REQUIRE(is_answered(first));
  const Descriptor second = served.connect();
  REQUIRE(send_all(second.get(), kQuestion));
  REQUIRE(is_answered(second));
  const Descriptor third = served.connect();
  REQUIRE(send_all(third.get(), kQuestion));
  CHECK(is_answered(third));
  CHECK(is_closed(first, milliseconds{3000}));
  CHECK(served.connections() == 2);
  CHECK(served.service->refused() == 0);
}

TEST_CASE("when a client holds all it may, its connection that has been idle longest makes room",
          "[listen][stream]") {  // RFC 7766 section 6.2.2
  Served served({.connections_per_client = 2});
  std::vector<Descriptor> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(served.connect());
    REQUIRE(send_all(clients.back().get(), kQuestion));
    CHECK(is_answered(clients.back()));
    std::this_thread::sleep_for(milliseconds{5});  // so that they differ in the loop's time
  }
  CHECK(is_closed(clients[0], milliseconds{3000}));
  REQUIRE(send_all(clients[1].get(), kQuestion));
  CHECK(is_answered(clients[1]));
  CHECK(served.connections() == 2);
  CHECK(served.service->refused() == 0);
}

TEST_CASE("a connection with a question under way makes no room", "[listen][stream]") {
  Served served({.connections_per_client = 2}, silence);
  std::vector<Descriptor> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(served.connect());
    REQUIRE(send_all(clients.back().get(), questions(i + 1)));
  }
  REQUIRE(served.becomes([&] { return served.waiting() == 3; }));
  const Descriptor third = served.connect();
  CHECK(is_closed(third, milliseconds{3000}));
  CHECK(served.service->refused() == 1);
  served.upstream.set(ScriptedUpstream::default_script);
  CHECK(read_frame(clients[0].get(), milliseconds{6000}));
  CHECK(served.becomes([&] { return served.waiting() == 0; }));
}

TEST_CASE("connections that say nothing, or dribble, keep no newcomer of the same address out",
          "[listen][stream]") {
  Served served({.connections_per_client = 8});
  const bool dribbles = GENERATE(false, true);
  const Descriptor innocent = served.connect();
  REQUIRE(send_all(innocent.get(), kQuestion));
  REQUIRE(is_answered(innocent));
  std::vector<Descriptor> others;
  for (int i = 0; i < 40; ++i) {
    others.push_back(served.connect());
    if (dribbles) {
      static_cast<void>(
          send_all(others.back().get(), Bytes(kQuestion).first(static_cast<size_t>(1 + i % 5))));
    }
    std::this_thread::sleep_for(milliseconds{5});
    if (i % 10 == 9) {
      const Descriptor newcomer = served.connect();
      REQUIRE(send_all(newcomer.get(), kQuestion));
      CHECK(is_answered(newcomer));
    }
  }
  REQUIRE(send_all(innocent.get(), kQuestion));
  CHECK(is_answered(innocent));
}

TEST_CASE("behind a client's FIN come the answers that it waits for, and then the end",
          "[listen][stream]") {  // RFC 7766 section 6.2.3
  Served served({}, silence);
  const int count = GENERATE(1, 5, 40);
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), questions(count)));
  REQUIRE(shutdown(client.get(), SHUT_WR) == 0);
  REQUIRE(served.becomes([&] { return served.waiting() == static_cast<size_t>(count); }));
  std::this_thread::sleep_for(milliseconds{150});  // longer than a look at those who have closed their half
  CHECK(served.connections() == 1);
  served.upstream.set(ScriptedUpstream::default_script);
  for (int i = 0; i < count; ++i) {
    CHECK(is_answered(client));
  }
  CHECK(is_closed(client, milliseconds{3000}));
  CHECK(served.becomes([&] { return served.connections() == 0; }));
}

TEST_CASE("behind a client's FIN come also answers that it was too slow to read, and questions that paused",
          "[listen][stream]") {
  Served served({.questions_under_way = 4});
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), questions(30)));
  REQUIRE(shutdown(client.get(), SHUT_WR) == 0);
  for (int i = 0; i < 30; ++i) {
    CHECK(is_answered(client));
  }
  CHECK(is_closed(client, milliseconds{3000}));
}

TEST_CASE("a client that resets its connection is let go of at once, also behind its FIN",
          "[listen][stream]") {
  Served served({}, silence);
  const bool closes_half = GENERATE(false, true);
  Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), questions(3)));
  if (closes_half) {
    REQUIRE(shutdown(client.get(), SHUT_WR) == 0);
  }
  REQUIRE(served.becomes([&] { return served.waiting() == 3; }));
  const linger at_once{1, 0};
  REQUIRE(setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
  client = Descriptor();
  CHECK(served.becomes([&] { return served.connections() == 0; }));
  CHECK(served.becomes([&] { return served.waiting() == 0; }));
}

TEST_CASE("a client that has closed its half makes room at a limit", "[listen][stream]") {
  Served served({.connections_per_client = 1}, silence);
  const Descriptor client = served.connect();
  REQUIRE(send_all(client.get(), questions(3)));
  REQUIRE(shutdown(client.get(), SHUT_WR) == 0);
  REQUIRE(served.becomes([&] { return served.waiting() == 3; }));
  served.upstream.set(ScriptedUpstream::default_script);
  const Descriptor other = served.connect();
  REQUIRE(send_all(other.get(), kQuestion));
  CHECK(is_answered(other));
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

TEST_CASE("after stop nobody is let in and all connections end", "[listen][stream]") {
  Served served;
  const Descriptor client = served.connect();
  REQUIRE(served.becomes([&] { return served.connections() == 1; }));
  const SocketAddress address = served.service->local();
  served.on_loop([&] {
    CHECK_FALSE(served.service->is_busy());
    served.service->stop();
  });
  CHECK(is_closed(client, milliseconds{3000}));
  CHECK(connect_tcp(address).get() < 0);
}

}  // namespace cenote::stream_service_test
