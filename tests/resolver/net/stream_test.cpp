#include "resolver/net/stream.h"

#include <functional>
#include <map>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "resolver/net/loop.h"

namespace cenote::stream_test {
namespace {

const SocketAddress kAnyPort = *SocketAddress::from_text("127.0.0.1:0");

// A stream and what happened to it. Stops the loop when `until` says so.
class Side final : public StreamEvents {
 public:
  explicit Side(std::unique_ptr<Stream> owned) : stream(std::move(owned)) {}

  void on_ready() override { happened("ready"); }
  void on_bytes(Bytes bytes) override {
    received += as_text(bytes);
    happened("bytes");
  }
  void on_drained() override { happened("drained"); }
  bool on_end_of_input() override {
    happened("end of input");
    return has_more_to_say;
  }
  void on_closed(StreamEnd reason, std::string_view text) override {
    end = reason;
    why = text;
    happened("closed");
  }

  std::unique_ptr<Stream> stream;
  std::function<void(std::string_view)> react = [](std::string_view) {};
  std::string received;
  bool has_more_to_say = false;
  std::vector<std::string> events;
  std::optional<StreamEnd> end;
  std::string why;

 private:
  void happened(const char* what) {
    events.emplace_back(what);
    react(what);
  }
};

class Pair final : public StreamAcceptor {
 public:
  explicit Pair(bool unix_socket = false) {
    const std::string path = "/tmp/cenote_stream_test." + std::to_string(getpid());
    auto listening = unix_socket ? StreamListener::listen(loop, path, *this)
                                 : StreamListener::listen(loop, kAnyPort, *this);
    REQUIRE(listening);
    listener = std::move(*listening);
    client = std::make_unique<Side>(unix_socket ? Stream::connect(loop, path)
                                                : Stream::connect(loop, listener->local()));
    client->stream->start(*client);
  }
  void on_stream(StreamListener&, std::unique_ptr<Stream> stream) override {
    server = std::make_unique<Side>(std::move(stream));
    prepare(*server);
    server->stream->start(*server);
  }
  // Runs until `done` holds after some event; a hang is a failure.
  void run_until(std::function<bool()> done) {
    bool timed_out = false;
    Timer limit(loop, [&] {
      timed_out = true;
      loop.stop();
    });
    limit.start(seconds{10});
    Timer look(loop, [&] {
      if (done()) {
        loop.stop();
      }
    });
    look.start(milliseconds{1}, milliseconds{1});
    loop.run();
    REQUIRE_FALSE(timed_out);
  }

  Loop loop;
  std::unique_ptr<StreamListener> listener;
  std::unique_ptr<Side> client;
  std::unique_ptr<Side> server;
  std::function<void(Side&)> prepare = [](Side&) {};
};

bool send_text(Stream& stream, std::string_view text) {
  return stream.send(as_bytes(text));
}

TEST_CASE("bytes go both ways and the addresses agree", "[net][stream]") {
  const bool unix_socket = GENERATE(false, true);
  Pair pair(unix_socket);
  CHECK(send_text(*pair.client->stream, "ping"));  // before it is connected
  pair.prepare = [](Side& server) {
    server.react = [&server](std::string_view what) {
      if (what == "bytes") {
        CHECK(send_text(*server.stream, "pong"));
      }
    };
  };
  pair.run_until([&] { return pair.client->received == "pong"; });
  CHECK(pair.server->received == "ping");
  CHECK(pair.server->stream->is_unix() == unix_socket);
  CHECK(pair.server->stream->peer() == pair.client->stream->local());
  CHECK(pair.server->stream->local() == pair.listener->local());
  CHECK(pair.client->events.front() == "ready");
}

TEST_CASE("an owner may destroy the stream inside each of its callbacks", "[net][stream]") {
  const std::string moment = GENERATE(as<std::string>{}, "ready", "bytes", "drained", "closed");
  CAPTURE(moment);
  Pair pair;
  bool destroyed = false;
  pair.client->react = [&](std::string_view what) {
    if (what == moment) {
      pair.client->stream.reset();
      destroyed = true;
    }
  };
  pair.prepare = [&](Side& server) {
    CHECK(send_text(*server.stream, "hello"));
    if (moment == "closed") {
      server.stream->finish();
    }
  };
  if (moment == "drained") {
    pair.client->stream->set_send_limit(64 << 20);
    CHECK(pair.client->stream->send(std::vector<uint8_t>(32 << 20)));
  }
  pair.run_until([&] { return destroyed && pair.server && (moment == "closed" || pair.server->end); });
  const auto events = pair.client->events;
  CHECK(events.back() == moment);
}

TEST_CASE("one turn reads a bounded part of what a peer pours in", "[net][stream]") {
  Pair pair;
  std::map<uint64_t, size_t> by_turn;  // bytes
  size_t seen = 0;
  pair.prepare = [&](Side& server) {
    server.react = [&](std::string_view what) {
      if (what == "bytes") {
        by_turn[pair.loop.turn()] += server.received.size() - seen;
        seen = server.received.size();
      }
    };
  };
  pair.client->stream->set_send_limit(SIZE_MAX);
  REQUIRE(send_text(*pair.client->stream, std::string(8 << 20, 'x')));
  pair.run_until([&] { return seen == 8 << 20; });
  CHECK(by_turn.size() >= 8 * 16);
  for (const auto& [turn, bytes] : by_turn) {
    CHECK(bytes <= 64 * 1024);
  }
}

TEST_CASE("many peers that pour share a turn, and none is forgotten", "[net][stream]") {
  constexpr size_t kPeers = 40;
  constexpr size_t kEach = 300'000;
  Loop loop;
  struct Acceptor final : StreamAcceptor {
    std::vector<std::unique_ptr<Side>> sides;
    std::map<uint64_t, size_t>* by_turn = nullptr;
    Loop* loop = nullptr;
    void on_stream(StreamListener&, std::unique_ptr<Stream> stream) override {
      sides.push_back(std::make_unique<Side>(std::move(stream)));
      Side& side = *sides.back();
      side.react = [this, &side, seen = size_t{0}](std::string_view what) mutable {
        if (what == "bytes") {
          (*by_turn)[loop->turn()] += side.received.size() - std::exchange(seen, side.received.size());
        }
      };
      side.stream->start(side);
    }
  } acceptor;
  std::map<uint64_t, size_t> by_turn;
  acceptor.by_turn = &by_turn;
  acceptor.loop = &loop;
  auto listener = StreamListener::listen(loop, kAnyPort, acceptor);
  REQUIRE(listener);
  std::vector<std::unique_ptr<Side>> clients;
  for (size_t i = 0; i < kPeers; ++i) {
    clients.push_back(std::make_unique<Side>(Stream::connect(loop, (*listener)->local())));
    clients.back()->stream->set_send_limit(SIZE_MAX);
    clients.back()->stream->start(*clients.back());
    REQUIRE(send_text(*clients.back()->stream, std::string(kEach, 'x')));
  }
  int left = 10000;
  Timer look(loop, [&] {
    const bool done = acceptor.sides.size() == kPeers &&
                      std::all_of(acceptor.sides.begin(), acceptor.sides.end(),
                                  [](const auto& side) { return side->received.size() == kEach; });
    if (done || --left == 0) {
      loop.stop();
    }
  });
  look.start(milliseconds{1}, milliseconds{1});
  loop.run();
  CHECK(left > 0);
  for (const auto& [turn, bytes] : by_turn) {
    CHECK(bytes <=
          (128 + 64 + kPeers) * 1024);  // the last share before the turn is full, then the least ones
  }
}

TEST_CASE("a large transfer arrives whole and drains once", "[net][stream]") {
  Pair pair;
  std::string text(8 << 20, 'x');
  for (size_t i = 0; i < text.size(); ++i) {
    text[i] = static_cast<char>(i * 31 >> 8);
  }
  CHECK(send_text(*pair.client->stream, text));
  pair.run_until([&] { return pair.server && pair.server->received.size() == text.size(); });
  CHECK(pair.server->received == text);
  CHECK(pair.client->stream->pending_bytes() == 0);
}

TEST_CASE("a peer that does not read meets the send limit", "[net][stream]") {
  Pair pair;
  pair.prepare = [](Side& server) { server.stream->set_reading(false); };
  pair.run_until([&] { return pair.server != nullptr; });
  const std::string piece(256 << 10, 'x');
  size_t sent = 0;
  while (send_text(*pair.client->stream, piece)) {
    sent += piece.size();
    REQUIRE(sent < (256 << 20));
  }
  CHECK(pair.client->stream->pending_bytes() > (1 << 20));
  CHECK(pair.client->stream->pending_bytes() <= (1 << 20) + piece.size());
  CHECK(pair.server->received.empty());
  pair.server->stream->set_reading(true);
  pair.run_until([&] { return pair.server->received.size() == sent; });
}

TEST_CASE("finish delivers what is queued and then ends in order", "[net][stream]") {
  Pair pair;
  const std::string text(4 << 20, 'y');
  pair.prepare = [&](Side& server) {
    CHECK(send_text(*server.stream, text));
    server.stream->finish();
  };
  CHECK(send_text(*pair.client->stream, "never looked at"));
  pair.run_until([&] { return pair.client->end.has_value() && pair.server->end.has_value(); });
  CHECK(pair.client->received == text);
  CHECK(*pair.client->end == StreamEnd::kPeerClosed);
  CHECK(*pair.server->end == StreamEnd::kPeerClosed);
  CHECK(send_text(*pair.client->stream, "a no-op after the end"));
}

TEST_CASE("a peer that closes its half still gets what the owner has to say", "[net][stream]") {
  Pair pair;
  pair.run_until([&] { return pair.server != nullptr; });
  pair.server.reset();
  pair.prepare = [](Side& server) { server.has_more_to_say = true; };
  const int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const SocketAddress address = pair.listener->local();
  REQUIRE(connect(peer, address.data(), address.size()) == 0);
  REQUIRE(send(peer, "ping", 4, 0) == 4);
  REQUIRE(shutdown(peer, SHUT_WR) == 0);
  pair.run_until([&] {
    return pair.server && !pair.server->events.empty() && pair.server->events.back() == "end of input";
  });
  CHECK(pair.server->received == "ping");
  CHECK_FALSE(pair.server->stream->is_reset());
  char text[16]{};
  SECTION("and then the end") {
    CHECK(send_text(*pair.server->stream, "pong"));
    pair.server->stream->set_reading(false);
    pair.server->stream->set_reading(true);  // there is nothing to read any more
    pair.server->stream->finish();
    pair.run_until([&] { return pair.server->end.has_value(); });
    CHECK(*pair.server->end == StreamEnd::kPeerClosed);
    CHECK(recv(peer, text, sizeof(text), 0) == 4);
    CHECK(recv(peer, text, sizeof(text), 0) == 0);
    CHECK(pair.server->events == std::vector<std::string>{"bytes", "end of input", "closed"});
  }
  SECTION("unless it has gone for good") {
    const linger at_once{1, 0};
    REQUIRE(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
    close(peer);
    pair.run_until([&] { return pair.server->stream->is_reset(); });
    CHECK(send_text(*pair.server->stream, "pong"));
    pair.run_until([&] { return pair.server->end.has_value(); });
    CHECK(*pair.server->end == StreamEnd::kBroken);
    return;
  }
  close(peer);
}

TEST_CASE("a refused connection is said once, from the loop", "[net][stream]") {
  Loop loop;
  Side side(nullptr);
  SECTION("nobody listens") {
    SocketAddress free;
    {
      Pair pair;
      free = pair.listener->local();
    }
    side.stream = Stream::connect(loop, free);
  }
  SECTION("the kernel refuses at once") {
    side.stream = Stream::connect(loop, *SocketAddress::from_text("255.255.255.255:9"));
  }
  SECTION("no such socket file") {
    side.stream = Stream::connect(loop, "/nonexistent/socket");
  }
  side.stream->start(side);
  CHECK_FALSE(side.end);
  side.react = [&](std::string_view) { loop.stop(); };
  loop.run();
  REQUIRE(side.end);
  CHECK(*side.end == StreamEnd::kConnectFailed);
  CHECK_FALSE(side.why.empty());
  CHECK(side.events.size() == 1);
  CHECK_FALSE(side.stream->is_open());
}

TEST_CASE("a bind that fails names the address and the reason", "[net][stream]") {
  Pair pair;
  const auto again = StreamListener::listen(pair.loop, pair.listener->local(), pair);
  REQUIRE_FALSE(again);
  CHECK(again.error().message ==
        "listen on " + pair.listener->local().to_text() + " (TCP): address already in use");
}

TEST_CASE("two listeners share an address when both ask for it", "[net][stream]") {
  Pair pair;
  const auto first = StreamListener::listen(pair.loop, kAnyPort, pair, {.reuse_port = true});
  REQUIRE(first);
  const auto second = StreamListener::listen(pair.loop, (*first)->local(), pair, {.reuse_port = true});
  CHECK(second);
}

TEST_CASE("a Unix socket is for its group only, replaces a dead one and is removed", "[net][stream]") {
  Pair pair;
  const std::string path = "/tmp/cenote_listener_test." + std::to_string(getpid());
  {
    // What a killed process leaves behind: a bound socket file that nobody listens on.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    close(dead);
  }
  struct stat there {};
  {
    const auto listener = StreamListener::listen(pair.loop, path, pair);
    REQUIRE(listener);
    REQUIRE(stat(path.c_str(), &there) == 0);
    CHECK((there.st_mode & 0777) == 0660);
    const auto second = StreamListener::listen(pair.loop, path, pair);
    REQUIRE_FALSE(second);
    CHECK(second.error().message == "listen on " + path + " (Unix socket): address already in use");
    CHECK(stat(path.c_str(), &there) == 0);  // the loser must not remove the winner's file
  }
  CHECK(stat(path.c_str(), &there) != 0);
  const auto blocked = StreamListener::listen(pair.loop, "/etc/passwd", pair);
  REQUIRE_FALSE(blocked);
  CHECK(blocked.error().message.find("no socket") != std::string::npos);
}

}  // namespace

}  // namespace cenote::stream_test
