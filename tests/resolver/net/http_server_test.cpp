#include "resolver/net/http_server.h"

#include <atomic>
#include <thread>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "resolver/net/tls.h"
#include "tests/resolver/net/fake_site.h"
#include "tests/support/test_certificate.h"

namespace cenote::http_server_test {
namespace {

const SocketAddress kAnyPort = *SocketAddress::from_text("127.0.0.1:0");
const std::string kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

// A blocking client, for a thread of its own. Every read gives up after ten seconds, so that a hang is a
// failure.
class Client {
 public:
  explicit Client(const SocketAddress& server) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    limit_waiting();
    connected_ = connect(socket_, server.data(), server.size()) == 0;
  }
  explicit Client(const std::string& path) : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    limit_waiting();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool is_connected() const { return connected_; }
  bool send_text(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void reset_when_closed() const {
    const linger at_once{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  void end_sending() const { shutdown(socket_, SHUT_WR); }
  // Until the text ends with `tail`, or the server closes, or the time is up.
  std::string read_until(std::string_view tail) {
    std::string text;
    char bytes[65536];
    while (tail.empty() || !text.ends_with(tail)) {
      const ssize_t size = recv(socket_, bytes, sizeof(bytes), 0);
      closed_ = size == 0 || (size < 0 && errno == ECONNRESET);
      if (size <= 0) {
        break;
      }
      text.append(bytes, static_cast<size_t>(size));
    }
    return text;
  }
  std::string read_to_end() { return read_until(""); }
  [[nodiscard]] bool was_closed() const { return closed_; }

 private:
  void limit_waiting() const {
    const timeval wait{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
  }
  int socket_;
  bool connected_ = false;
  bool closed_ = false;
};

// A server on the test's thread, clients on another one: run() ends when they are done.
struct Fixture {
  Loop loop;
  test::FakeSite site;
  HttpLimits limits;
  std::unique_ptr<HttpServer> server;

  void start(const TlsContext* tls = nullptr) {
    server = std::make_unique<HttpServer>(loop, site, limits);
    REQUIRE(server->listen(kAnyPort, tls));
  }
  [[nodiscard]] SocketAddress address() const { return server->local().at(0); }
  void run(const std::function<void()>& clients) {
    std::thread thread([&] {
      clients();
      loop.stop();
    });
    loop.run();
    thread.join();
  }
  // Looks at a condition on the loop until it holds.
  void run_until(const std::function<bool()>& holds) {
    int left = 10000;
    Timer look(loop, [&] {
      if (holds() || --left == 0) {
        loop.stop();
      }
    });
    look.start(milliseconds{1}, milliseconds{1});
    loop.run();
    REQUIRE(left > 0);
  }
};

bool is_ok(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 200 OK\r\n");
}

TEST_CASE_METHOD(Fixture, "requests on one connection are answered in order", "[net][http_server]") {
  start();
  run([&] {
    Client client(address());
    for (int i = 0; i < 3; ++i) {
      client.send_text(kGet);
      const std::string answer = client.read_until("GET / ");
      CHECK(is_ok(answer));
      CHECK(answer.find("\r\ndate: ") != std::string::npos);
    }
    client.send_text(kGet + kGet + "GET /last HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    const std::string answers = client.read_to_end();
    CHECK(client.was_closed());
    CHECK(answers.ends_with("GET /last "));
  });
  CHECK(site.asked.size() == 6);
  CHECK(server->counters().requests.value() == 6);
  CHECK(server->counters().connections.value() == 1);
}

TEST_CASE_METHOD(Fixture, "more requests than fit in a turn are answered in the next ones",
                 "[net][http_server]") {
  constexpr int kRequests = 3000;  // of one connection, in one piece: a turn serves 64
  start();
  run([&] {
    Client client(address());
    std::string all;
    for (int i = 0; i < kRequests; ++i) {
      all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
    }
    REQUIRE(client.send_text(all));
    const std::string last = "GET /" + std::to_string(kRequests - 1) + " ";
    CHECK(client.read_until(last).ends_with(last));
  });
  CHECK(site.asked.size() == kRequests);
}

TEST_CASE_METHOD(Fixture, "the site learns how it was reached", "[net][http_server]") {
  const std::string path = "/tmp/cenote_http_test." + std::to_string(getpid());
  HttpRequest seen;
  site.answer = [&](const HttpRequest& request, HttpResponder responder) {
    seen = request;
    responder.respond(HttpResponse::text(200, "x"));
  };
  start();
  REQUIRE(server->listen(path));
  run([&] {
    Client client(address());
    client.send_text(kGet);
    client.read_until("\r\n\r\nx");
  });
  CHECK(seen.local == address());
  CHECK(seen.client.address() == kAnyPort.address());
  CHECK_FALSE(seen.over_unix_socket);
  CHECK_FALSE(seen.over_tls);
  run([&] {
    Client client(path);
    client.send_text(kGet);
    CHECK(is_ok(client.read_until("\r\n\r\nx")));
  });
  CHECK(seen.over_unix_socket);
  CHECK(seen.local == SocketAddress());
}

TEST_CASE_METHOD(Fixture, "an answer may come later, and after its connection it goes nowhere",
                 "[net][http_server]") {
  std::vector<HttpResponder> held;
  site.answer = [&](const HttpRequest&, HttpResponder responder) { held.push_back(std::move(responder)); };
  start();
  auto client = std::make_unique<Client>(address());
  client->send_text(kGet);
  run_until([&] { return held.size() == 1; });
  CHECK(held[0].is_open());
  SECTION("it comes later") {
    held[0].respond(HttpResponse::text(200, "late"));
    held[0].respond(HttpResponse::text(200, "again"));
    held[0].write("again");
    CHECK_FALSE(held[0].is_open());
    run([&] { CHECK(client->read_until("late").ends_with("late")); });
    client.reset();
  }
  SECTION("the client has gone") {
    bool is_told = false;
    held[0].when_gone([&] { is_told = true; });
    client->reset_when_closed();
    client.reset();
    run_until([&] { return !held[0].is_open(); });
    CHECK(is_told);
    held[0].respond(HttpResponse::text(200, "nobody"));
    held[0].start(HttpResponse::text(200, ""));
    held[0].write("nobody");
    held[0].finish();
  }
  SECTION("the server has gone") {
    server.reset();
    CHECK_FALSE(held[0].is_open());
    held[0].respond(HttpResponse::text(200, "nobody"));
  }
  SECTION("the site forgets it") {
    held.clear();
    run([&] { CHECK(client->read_until("answer.\n").starts_with("HTTP/1.1 500 ")); });
  }
}

TEST_CASE_METHOD(Fixture, "a streamed body arrives as it is written", "[net][http_server]") {
  std::optional<HttpResponder> held;
  site.answer = [&](const HttpRequest&, HttpResponder responder) {
    responder.start({200, {{"content-type", "text/event-stream"}}, ""});
    held = responder;
  };
  start();
  Client client(address());
  client.send_text(kGet);
  run_until([&] { return held.has_value(); });
  run([&] { CHECK(is_ok(client.read_until("\r\n\r\n"))); });
  held->write("one");
  run([&] { CHECK(client.read_until("one\r\n") == "3\r\none\r\n"); });
  SECTION("to its end") {
    held->finish();
    run([&] { CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n"); });
  }
  SECTION("or it is cut when the site forgets it") {
    held.reset();
    run([&] {
      CHECK(client.read_to_end().empty());
      CHECK(client.was_closed());
    });
  }
}

TEST_CASE_METHOD(Fixture, "a large answer arrives whole", "[net][http_server]") {
  const std::string body(20 << 20, 'x');
  site.answer = [&](const HttpRequest&, HttpResponder responder) {
    responder.respond(HttpResponse::text(200, body));
  };
  start();
  run([&] {
    Client client(address());
    client.send_text("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    const std::string answer = client.read_to_end();
    CHECK(answer.size() > body.size());
    CHECK(answer.ends_with(body));
  });
}

TEST_CASE_METHOD(Fixture, "a refused upload gets its answer although the client goes on sending",
                 "[net][http_server]") {
  start();
  run([&] {
    Client client(address());
    client.send_text("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 400000\r\n\r\n" +
                     std::string(400000, 'x'));
    CHECK(client.read_to_end().starts_with("HTTP/1.1 413 "));
  });
  CHECK(site.asked.empty());
  CHECK(server->counters().refused_requests.value() == 1);
}

// What slowloris and its kin do, against short limits. The client waits for the server to close.
TEST_CASE_METHOD(Fixture, "who is slow is cut at an absolute deadline", "[net][http_server]") {
  struct Row {
    const char* what;
    std::string first;
    std::string dripped;  // byte after byte, in a circle, while the server lets it
  };
  const Row row = GENERATE(values<Row>({
      {"silence", "", ""},
      {"a header that drips", "GET / HTTP/1.1\r\n", "X: y\r\n"},
      {"empty lines that drip", "", "\r\n"},
      {"a body that drips", "PUT /large HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n", "x"},
      {"chunks that drip", "PUT /large HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n",
       "1\r\nx\r\n"},
  }));
  CAPTURE(row.what);
  limits.header = limits.grace = limits.idle = milliseconds{200};
  limits.least_rate = 10000;
  start();
  run([&] {
    Client client(address());
    client.send_text(row.first);
    std::thread reader([&] { client.read_to_end(); });
    bool sent = true;
    for (size_t i = 0; sent && !row.dripped.empty() && i < 2000; ++i) {
      sent = client.send_text(row.dripped.substr(i % row.dripped.size(), 1));
      usleep(5000);
    }
    reader.join();
    CHECK(client.was_closed());
  });
  CHECK(site.asked.empty());
  run_until([&] { return server->counters().open_connections.value() == 0; });
}

TEST_CASE_METHOD(Fixture, "an idle connection is closed after its time, or after the connection's lifetime",
                 "[net][http_server]") {
  limits.*GENERATE(&HttpLimits::idle, &HttpLimits::lifetime) = milliseconds{100};
  start();
  run([&] {
    Client client(address());
    client.send_text(kGet);
    CHECK(is_ok(client.read_to_end()));
    CHECK(client.was_closed());
  });
  CHECK(server->counters().timeouts.value() == 0);
}

TEST_CASE_METHOD(Fixture, "a client that does not read its answer is cut", "[net][http_server]") {
  const bool streamed = GENERATE(false, true);
  std::optional<HttpResponder> held;
  site.answer = [&](const HttpRequest&, HttpResponder responder) {
    if (!streamed) {
      responder.respond(HttpResponse::text(200, std::string(64 << 20, 'x')));
      return;
    }
    responder.start({200, {}, ""});
    held = responder;
  };
  limits.grace = milliseconds{200};
  limits.least_rate = 1 << 30;
  start();
  const Client client(address());
  client.send_text(kGet);
  Timer writer(loop, [&] {
    if (held) {
      held->write(std::string(500000, 'y'));
    }
  });
  writer.start(milliseconds{1}, milliseconds{1});
  run_until([&] { return !site.asked.empty() && server->counters().open_connections.value() == 0; });
  CHECK(server->counters().slow_readers.value() + server->counters().timeouts.value() == 1);
}

TEST_CASE_METHOD(Fixture,
                 "at a client's limit its longest idle connection makes room, and none that is in use",
                 "[net][http_server]") {
  limits.connections_per_client = 3;
  std::vector<HttpResponder> held;
  site.answer = [&](const HttpRequest& request, HttpResponder responder) {
    if (request.path == "/slow") {
      held.push_back(std::move(responder));
    } else {
      responder.respond(HttpResponse::text(200, "GET / "));
    }
  };
  start();
  run([&] {
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 4; ++i) {
      clients.push_back(std::make_unique<Client>(address()));
      clients.back()->send_text(kGet);
      CHECK(is_ok(clients.back()->read_until("GET / ")));
      usleep(5000);  // so that they differ in loop time
    }
    CHECK(clients[0]->read_to_end().empty());
    CHECK(clients[0]->was_closed());
  });
  CHECK(server->counters().refused_connections.value() == 0);
  run_until([&] { return server->counters().open_connections.value() == 0; });
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 3; ++i) {
    slow.push_back(std::make_unique<Client>(address()));
    slow.back()->send_text("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
  }
  run_until([&] { return held.size() == 3; });
  run([&] {
    Client fourth(address());
    fourth.send_text(kGet);
    CHECK(fourth.read_to_end().empty());
    CHECK(fourth.was_closed());
  });
  CHECK(server->counters().refused_connections.value() == 1);
}

TEST_CASE_METHOD(Fixture,
                 "who sends nothing, or dribbles a head or a body, makes room for the same client's newcomer",
                 "[net][http_server]") {
  limits.connections_per_client = 4;
  const std::string begun =
      GENERATE("", "GE", "POST / HTTP/1.1\r\nHost: a.test\r\ncontent-length: 100\r\n\r\nx");
  start();
  run([&] {
    std::vector<std::unique_ptr<Client>> others;
    for (int i = 0; i < 20; ++i) {
      others.push_back(std::make_unique<Client>(address()));
      others.back()->send_text(begun);
      usleep(2000);
    }
    Client newcomer(address());
    newcomer.send_text(kGet);
    CHECK(is_ok(newcomer.read_until("GET / ")));
    CHECK(others[0]->read_to_end().empty());
    CHECK(others[0]->was_closed());
  });
}

TEST_CASE_METHOD(Fixture, "an upload that moves makes no room while there is one that dribbles",
                 "[net][http_server]") {
  limits.connections_per_client = 2;
  site.limit = 1 << 20;
  start();
  const std::string head = "POST / HTTP/1.1\r\nHost: a.test\r\ncontent-length: 200000\r\n\r\n";
  run([&] {
    Client quick(address());
    quick.send_text(head);
    Client slow(address());
    slow.send_text(head);
    for (int i = 0; i < 20; ++i) {
      quick.send_text(std::string(5000, 'x'));
      slow.send_text("x");
      usleep(10000);
    }
    Client newcomer(address());
    newcomer.send_text(kGet);
    CHECK(is_ok(newcomer.read_until("GET / ")));
    CHECK(slow.read_to_end().empty());
    CHECK(slow.was_closed());
    quick.send_text(std::string(100000, 'x'));
    CHECK(is_ok(quick.read_until("POST / ")));
  });
}

TEST_CASE_METHOD(Fixture, "behind a client's FIN come the responses that it waits for, and then the end",
                 "[net][http_server]") {
  std::vector<HttpResponder> held;
  site.answer = [&](const HttpRequest&, HttpResponder responder) { held.push_back(std::move(responder)); };
  start();
  Client client(address());
  client.send_text(kGet + kGet + "GET / HT");
  client.end_sending();
  run_until([&] { return held.size() == 1; });
  held[0].respond(HttpResponse::text(200, "first"));
  run_until([&] { return held.size() == 2; });
  CHECK(server->counters().open_connections.value() == 1);
  held[1].respond(HttpResponse::text(200, "second"));
  run([&] {
    const std::string answers = client.read_to_end();
    CHECK(client.was_closed());
    CHECK(answers.find("first") != std::string::npos);
    CHECK(answers.ends_with("second"));
  });
  run_until([&] { return server->counters().open_connections.value() == 0; });
}

TEST_CASE_METHOD(Fixture, "who follows a stream and says that nothing more comes has gone",
                 "[net][http_server]") {
  std::vector<HttpResponder> held;
  site.answer = [&](const HttpRequest&, HttpResponder responder) {
    responder.start({200, {}, ""});
    held.push_back(std::move(responder));
  };
  start();
  Client client(address());
  client.send_text(kGet);
  run_until([&] { return held.size() == 1; });
  client.end_sending();
  run_until([&] { return server->counters().open_connections.value() == 0; });
  CHECK_FALSE(held[0].is_open());
}

TEST_CASE_METHOD(Fixture, "when all places are taken the longest idle one makes room", "[net][http_server]") {
  limits.connections = 2;
  start();
  run([&] {
    Client first(address());
    first.send_text(kGet);
    CHECK(is_ok(first.read_until("GET / ")));
    usleep(20000);  // so that the two differ in loop time; which one goes depends on it
    Client second(address());
    second.send_text(kGet);
    CHECK(is_ok(second.read_until("GET / ")));
    Client third(address());
    third.send_text(kGet);
    CHECK(is_ok(third.read_until("GET / ")));
    CHECK(first.read_to_end().empty());
    CHECK(first.was_closed());
    second.send_text(kGet);
    CHECK(is_ok(second.read_until("GET / ")));
  });
}

TEST_CASE_METHOD(Fixture, "stop answers what has come and then reports", "[net][http_server]") {
  std::vector<HttpResponder> held;
  site.answer = [&](const HttpRequest&, HttpResponder responder) { held.push_back(std::move(responder)); };
  limits.linger = milliseconds{100};
  start();
  Client busy(address());
  Client idle(address());
  busy.send_text(kGet);
  run_until([&] { return held.size() == 1 && server->counters().open_connections.value() == 2; });
  const SocketAddress was = address();
  bool stopped = false;
  SECTION("within the grace") {
    server->stop(seconds{5}, [&] {
      stopped = true;
      server.reset();
    });
    CHECK_FALSE(Client(was).is_connected());
    run([&] { CHECK(idle.read_to_end().empty()); });
    CHECK_FALSE(stopped);
    held[0].respond(HttpResponse::text(200, "last"));
    run([&] {
      const std::string answer = busy.read_to_end();
      CHECK(answer.ends_with("last"));
      CHECK(answer.find("connection: close\r\n") != std::string::npos);
    });
  }
  SECTION("or is cut after it") {
    server->stop(milliseconds{50}, [&] {
      stopped = true;
      server.reset();
    });
    run([&] { CHECK(busy.read_to_end().empty()); });
  }
  // The clients' sockets close with them; what lingers is bounded.
  run_until([&] { return stopped; });
  CHECK_FALSE(server);
}

struct TlsFixture : Fixture {
  test::CertificateFiles files{test::make_certificate("DNS:server.example.test")};
  TlsContext context = make_context();

  [[nodiscard]] TlsContext make_context() const {
    auto made = TlsContext::server(files.certificate(), files.key(), {"h2", "http/1.1"});
    REQUIRE(made);
    return std::move(*made);
  }
};

// A TLS client on the same loop: one request, its answer.
class TlsClient final : public StreamEvents {
 public:
  TlsClient(Loop& loop, const SocketAddress& server, const TlsContext& context, std::string first)
      : stream(Stream::connect(loop, server)) {
    CHECK(stream->send({}));
    stream->start(*this, context.connect());
    CHECK(stream->send(as_bytes(first)));  // before the handshake
  }
  void on_ready() override { alpn = stream->tls()->alpn(); }
  void on_bytes(Bytes bytes) override { received += as_text(bytes); }
  void on_closed(StreamEnd reason, std::string_view text) override {
    end = reason;
    why = text;
  }
  std::unique_ptr<Stream> stream;
  std::string alpn;
  std::string received;
  std::optional<StreamEnd> end;
  std::string why;
};

TEST_CASE_METHOD(TlsFixture, "requests come over TLS, with the name that was asked for",
                 "[net][http_server]") {
  HttpRequest seen;
  site.answer = [&](const HttpRequest& request, HttpResponder responder) {
    seen = request;
    responder.respond(HttpResponse::text(200, "secret"));
  };
  start(&context);
  auto trust = TlsContext::client({files.certificate(), "server.example.test", {}, {"http/1.1"}});
  REQUIRE(trust);
  TlsClient client(loop, address(), *trust, kGet);
  run_until([&] { return client.received.ends_with("secret"); });
  CHECK(client.alpn == "http/1.1");
  CHECK(seen.over_tls);
  CHECK(seen.server_name == "server.example.test");
}

// Says all it has to say at once, and then that there is nothing more to come.
class TlsTeller final : public StreamEvents {
 public:
  TlsTeller(Loop& loop, const SocketAddress& server, const TlsContext& context, std::string all)
      : stream_(Stream::connect(loop, server)), all_(std::move(all)) {
    stream_->set_send_limit(SIZE_MAX);
    stream_->start(*this, context.connect());
  }
  void on_ready() override {
    CHECK(stream_->send(as_bytes(all_)));
    stream_->finish();
  }
  void on_bytes(Bytes) override {}
  void on_closed(StreamEnd, std::string_view) override {}

 private:
  std::unique_ptr<Stream> stream_;
  std::string all_;
};

TEST_CASE_METHOD(TlsFixture, "requests that wait for the next turn are served after the client's last word",
                 "[net][http_server]") {
  constexpr size_t kRequests = 1000;
  start(&context);
  auto trust = TlsContext::client({files.certificate(), "server.example.test", {}, {"http/1.1"}});
  REQUIRE(trust);
  std::string all;
  for (size_t i = 0; i < kRequests; ++i) {
    all += kGet;
  }
  const TlsTeller client(loop, address(), *trust, all);
  run_until(
      [&] { return site.asked.size() == kRequests && server->counters().open_connections.value() == 0; });
}

TEST_CASE_METHOD(Fixture, "memory that runs out for one request leaves the server and its other connections",
                 "[net][http_server]") {
  const bool in_head = GENERATE(true, false);
  std::atomic<bool> is_short{false};
  site.answer = [&](const HttpRequest&, HttpResponder responder) {
    if (is_short) {
      throw std::bad_alloc();
    }
    responder.respond(HttpResponse::text(200, "fine"));
  };
  start();
  run([&] {
    Client other(address());
    Client client(address());
    other.send_text(kGet);
    CHECK(other.read_until("fine").ends_with("fine"));
    (in_head ? site.is_out_of_memory : is_short) = true;
    client.send_text(kGet);
    CHECK_FALSE(is_ok(client.read_until("connection: close\r\n")));
    is_short = site.is_out_of_memory = false;
    other.send_text(kGet);
    CHECK(other.read_until("fine").ends_with("fine"));
  });
}

TEST_CASE_METHOD(TlsFixture, "ALPN chooses HTTP/2, and its settings come first", "[net][http_server]") {
  start(&context);
  auto trust = TlsContext::client({files.certificate(), "server.example.test", {}, {"h2"}});
  REQUIRE(trust);
  TlsClient client(loop, address(), *trust,
                   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9));
  run_until([&] { return client.received.size() >= 9; });
  CHECK(client.alpn == "h2");
  CHECK(client.received[3] == 4);  // SETTINGS
}

TEST_CASE_METHOD(TlsFixture, "a client that distrusts us is told why it failed", "[net][http_server]") {
  start(&context);
  auto trust = TlsContext::client({files.certificate(), "other.example.test", {}, {}});
  REQUIRE(trust);
  TlsClient client(loop, address(), *trust, kGet);
  run_until([&] { return client.end && server->counters().open_connections.value() == 0; });
  CHECK(*client.end == StreamEnd::kTlsFailed);
  CHECK(client.why == "hostname mismatch");
  CHECK(server->counters().failed_handshakes.value() == 1);
  CHECK(site.asked.empty());
}

TEST_CASE_METHOD(TlsFixture, "a silent handshake is cut, and so is one that speaks plain HTTP",
                 "[net][http_server]") {
  limits.handshake = milliseconds{100};
  start(&context);
  run([&] {
    Client silent(address());
    silent.read_to_end();
    CHECK(silent.was_closed());
    Client plain(address());
    plain.send_text(kGet);
    plain.read_to_end();
    CHECK(plain.was_closed());
  });
  CHECK(server->counters().timeouts.value() == 1);
  CHECK(server->counters().failed_handshakes.value() == 1);
}

TEST_CASE_METHOD(TlsFixture, "handshakes that come too fast wait for their turn, and none is refused",
                 "[net][http_server]") {
  limits.handshakes_per_second = 20;
  start(&context);
  auto trust = TlsContext::client({files.certificate(), "server.example.test", {}, {}});
  REQUIRE(trust);
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<TlsClient>(loop, address(), *trust, kGet));
  }
  const auto served = [&] {
    return std::count_if(clients.begin(), clients.end(),
                         [](const auto& client) { return client->received.ends_with("GET / "); });
  };
  run_until([&] { return served() >= 40; });
  CHECK(served() < 50);
  run_until([&] { return served() == 50; });
  CHECK(server->counters().refused_connections.value() == 0);
}

TEST_CASE_METHOD(TlsFixture, "connections without a ClientHello cost no handshake and keep nobody out",
                 "[net][http_server]") {
  limits.handshakes_per_second = 2;
  limits.connections_per_client = 8;
  start(&context);
  std::vector<std::unique_ptr<Client>> silent;
  run([&] {
    for (int i = 0; i < 40; ++i) {
      silent.push_back(std::make_unique<Client>(address()));
      CHECK(silent.back()->is_connected());
    }
  });
  auto trust = TlsContext::client({files.certificate(), "server.example.test", {}, {}});
  REQUIRE(trust);
  const TlsClient client(loop, address(), *trust, kGet);
  run_until([&] { return client.received.ends_with("GET / "); });
  CHECK(server->counters().refused_connections.value() == 0);
}

}  // namespace

}  // namespace cenote::http_server_test
