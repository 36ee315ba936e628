#include "resolver/upstream/exchange.h"

#include <catch2/catch.hpp>

namespace cenote::exchange_test {
namespace {

using Kind = Exchange::Action::Kind;

// An exchange with a clock that only the test moves.
class Walk {
 public:
  explicit Walk(const std::vector<Exchange::Candidate>& candidates)
      : exchange_(candidates, now_ + Exchange::kTotal) {}

  Walk& start() { return took(exchange_.start(now_)); }
  Walk& timeout() {
    now_ += action_.wait;
    return took(exchange_.on_timeout(now_));
  }
  Walk& reply(uint16_t server, ReplyKind kind) { return took(exchange_.on_reply(server, kind, now_)); }
  Walk& closed(uint16_t server) { return took(exchange_.on_closed(server, now_)); }
  Walk& unreachable(uint16_t server) { return took(exchange_.on_unreachable(server, now_)); }

  [[nodiscard]] Kind kind() const { return action_.kind; }
  [[nodiscard]] int server() const { return action_.server; }
  [[nodiscard]] milliseconds wait() const { return action_.wait; }
  [[nodiscard]] bool has_edns() const { return action_.has_edns; }
  [[nodiscard]] milliseconds elapsed() const {
    return std::chrono::duration_cast<milliseconds>(now_ - MonoTime{} - seconds{100});
  }
  [[nodiscard]] unsigned attempts() const { return exchange_.attempts(); }

 private:
  Walk& took(Exchange::Action action) {
    action_ = action;
    return *this;
  }
  MonoTime now_{seconds{100}};
  Exchange exchange_;
  Exchange::Action action_;
};

std::vector<Exchange::Candidate> servers(size_t count) {
  std::vector<Exchange::Candidate> all;
  for (uint16_t i = 0; i < count; ++i) {
    all.push_back({i, false, false, milliseconds{400}});
  }
  return all;
}

}  // namespace

TEST_CASE("the first server is asked over UDP", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start();
  CHECK(walk.kind() == Kind::kSendDatagram);
  CHECK(walk.server() == 0);
  CHECK(walk.wait() == milliseconds{400});
  CHECK(walk.reply(0, ReplyKind::kGood).kind() == Kind::kSucceed);
}

TEST_CASE("without a server it fails at once", "[upstream][exchange]") {
  CHECK(Walk({}).start().kind() == Kind::kFail);
}

TEST_CASE("whatever goes wrong, the next server is asked", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start();
  SECTION("silence") {
    walk.timeout();
  }
  SECTION("a bad answer") {
    walk.reply(0, ReplyKind::kBad);
  }
  SECTION("nobody there") {
    walk.unreachable(0);
  }
  CHECK(walk.kind() == Kind::kSendDatagram);
  CHECK(walk.server() == 1);
  CHECK(walk.reply(1, ReplyKind::kGood).kind() == Kind::kSucceed);
}

TEST_CASE("a truncated answer is asked for again over a stream, of the same server", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start().reply(0, ReplyKind::kTruncated);
  CHECK(walk.kind() == Kind::kSendStream);
  CHECK(walk.server() == 0);
  CHECK(walk.wait() == milliseconds{1200});  // a handshake comes first
  CHECK(walk.reply(0, ReplyKind::kGood).kind() == Kind::kSucceed);
}

TEST_CASE("a second truncated answer does not end the stream's wait", "[upstream][exchange]") {
  // A slow server that was asked twice over UDP answers twice.
  Walk walk(servers(1));
  walk.start().timeout();
  REQUIRE(walk.kind() == Kind::kSendDatagram);
  CHECK(walk.reply(0, ReplyKind::kTruncated).kind() == Kind::kSendStream);
  CHECK(walk.reply(0, ReplyKind::kTruncated).kind() == Kind::kWait);
  CHECK(walk.reply(0, ReplyKind::kGood).kind() == Kind::kSucceed);
}

TEST_CASE("a stream-only server is never sent a datagram", "[upstream][exchange]") {
  Walk walk({{4, true, false, milliseconds{400}}});
  CHECK(walk.start().kind() == Kind::kSendStream);
  CHECK(walk.timeout().kind() == Kind::kSendStream);
}

TEST_CASE("a late good answer of an earlier server wins", "[upstream][exchange]") {
  Walk walk(servers(3));
  walk.start().timeout().timeout();
  REQUIRE(walk.server() == 2);
  CHECK(walk.reply(0, ReplyKind::kGood).kind() == Kind::kSucceed);
}

TEST_CASE("a late bad answer changes nothing, but that server is not asked again", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start().timeout();
  CHECK(walk.reply(0, ReplyKind::kBad).kind() == Kind::kWait);
  CHECK(walk.timeout().server() == 1);
  CHECK(walk.timeout().server() == 1);
}

TEST_CASE("when every server answered badly it fails, without waiting", "[upstream][exchange]") {
  Walk walk(servers(3));
  walk.start().reply(0, ReplyKind::kBad).reply(1, ReplyKind::kBad).reply(2, ReplyKind::kBad);
  CHECK(walk.kind() == Kind::kFail);
  CHECK(walk.elapsed() == milliseconds{0});
}

TEST_CASE("when no server is reachable it fails, without going in a circle", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start().unreachable(0).unreachable(1);
  CHECK(walk.kind() == Kind::kFail);
  CHECK(walk.attempts() == 2);
}

TEST_CASE("an unreachable server is tried again when another only keeps silent", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start().unreachable(0).timeout();
  CHECK(walk.kind() == Kind::kSendDatagram);
  CHECK(walk.server() == 0);
}

TEST_CASE("silence everywhere ends at the deadline, with longer and longer waits", "[upstream][exchange]") {
  const size_t count = GENERATE(as<size_t>(), 1, 2, 3, 20);
  Walk walk(servers(count));
  walk.start();
  milliseconds longest{0};
  while (walk.kind() != Kind::kFail) {
    REQUIRE(walk.kind() == Kind::kSendDatagram);
    CHECK(walk.wait() > milliseconds{0});
    longest = std::max(longest, walk.wait());
    walk.timeout();
  }
  CHECK(walk.elapsed() <= Exchange::kTotal);
  CHECK(walk.attempts() <= 12);
  if (count < 4) {
    CHECK(walk.elapsed() == Exchange::kTotal);
    CHECK(longest > milliseconds{400});
  }
}

TEST_CASE("an unreachable report of a server that is not being asked is ignored", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start().timeout();
  CHECK(walk.unreachable(0).kind() == Kind::kWait);
}

TEST_CASE("what a server does not understand is asked again without EDNS, of the same server",
          "[upstream][exchange]") {  // RFC 6891 section 7
  Walk walk(servers(2));
  walk.start();
  CHECK(walk.has_edns());
  walk.reply(0, ReplyKind::kNotUnderstood);
  CHECK(walk.kind() == Kind::kSendDatagram);
  CHECK(walk.server() == 0);
  CHECK_FALSE(walk.has_edns());
  CHECK(walk.reply(0, ReplyKind::kNotUnderstood).kind() == Kind::kWait);  // the same again, late
  walk.reply(0, ReplyKind::kTruncated);
  CHECK(walk.kind() == Kind::kSendStream);
  CHECK_FALSE(walk.has_edns());
  walk.reply(0, ReplyKind::kBad);
  CHECK(walk.server() == 1);
  CHECK(walk.has_edns());
}

TEST_CASE("a server that is known to understand no EDNS is asked without", "[upstream][exchange]") {
  Walk walk({{4, false, true, milliseconds{400}}});
  CHECK_FALSE(walk.start().has_edns());
}

TEST_CASE("a garbled datagram ends no wait, and the next try goes over a stream", "[upstream][exchange]") {
  Walk walk(servers(1));
  walk.start();
  CHECK(walk.reply(0, ReplyKind::kGarbled).kind() == Kind::kWait);
  CHECK(walk.timeout().kind() == Kind::kSendStream);
  CHECK(walk.reply(0, ReplyKind::kGood).kind() == Kind::kSucceed);
}

TEST_CASE("the only server, which closes on every question, is asked again after pauses until the end",
          "[upstream][exchange]") {
  Walk walk({{0, true, false, milliseconds{400}}});
  walk.start();
  milliseconds last{0};
  while (walk.kind() == Kind::kSendStream) {
    walk.closed(0);
    if (walk.kind() == Kind::kPause) {
      CHECK(walk.wait() >= last);
      last = walk.wait();
      walk.timeout();
    }
  }
  CHECK(walk.kind() == Kind::kFail);
  CHECK(walk.elapsed() > seconds{3});
  CHECK(walk.elapsed() <= Exchange::kTotal);
  CHECK(walk.attempts() <= 12);
}

TEST_CASE("a server that closes costs no pause while another may answer", "[upstream][exchange]") {
  Walk walk(servers(2));
  walk.start().closed(0);
  CHECK(walk.kind() == Kind::kSendDatagram);
  CHECK(walk.server() == 1);
  walk.timeout();
  CHECK(walk.kind() == Kind::kSendDatagram);
  CHECK(walk.server() == 0);
}

}  // namespace cenote::exchange_test
