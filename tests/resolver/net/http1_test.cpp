#include "resolver/net/http1.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/resolver/net/fake_site.h"

namespace cenote::http1_test {
namespace {

// One connection whose requests are answered with their own description.
struct Peer {
  test::FakeSite site;
  HttpLimits limits;
  Http1 http;
  std::vector<HttpRequest> requests;
  std::string output;

  explicit Peer(HttpLimits with = {}) : limits(with), http(site, limits, about()) {}

  static HttpRequest about() {
    HttpRequest request;
    request.client = *SocketAddress::from_text("192.0.2.7:1234");
    request.over_tls = true;
    return request;
  }
  void take() { http.take_output(output, SIZE_MAX); }
  void send(std::string_view text) {
    http.receive(as_bytes(text));
    take();
    while (auto incoming = http.next_request()) {
      requests.push_back(incoming->request);
      http.respond(incoming->id,
                   HttpResponse::text(200, incoming->request.method + " " + incoming->request.path + " " +
                                               incoming->request.body));
      take();
    }
    take();
  }
  uint32_t receive_one(std::string_view text) {
    http.receive(as_bytes(text));
    auto incoming = http.next_request();
    REQUIRE(incoming);
    return incoming->id;
  }
  std::string taken() {
    take();
    return std::exchange(output, {});
  }
};

std::string ok(std::string_view body, std::string_view more = "") {
  return fmt::format(
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n{}\r\n{}",
      body.size(), more, body);
}

const std::string kHost = "Host: www.example.test\r\n";

TEST_CASE("requests are read the same wherever their bytes are split", "[net][http1]") {
  const std::string text = "GET /a%20b?x=1 HTTP/1.1\r\n" + kHost +
                           "X-One: two\r\n\r\n"
                           "POST /p HTTP/1.1\r\nHost: www.example.test:8080\r\nContent-Length: 5\r\n\r\nhello"
                           "\r\nPUT /c HTTP/1.1\r\n" +
                           kHost +
                           "Transfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n4;name=value\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n"
                           "DELETE / HTTP/1.1\r\n" +
                           kHost + "\r\n";
  const std::string expected = ok("GET /a b ") + ok("POST /p hello") + ok("PUT /c abcdefg") + ok("DELETE / ");
  for (size_t split = 0; split <= text.size(); ++split) {
    CAPTURE(split);
    Peer peer;
    peer.send(std::string_view(text).substr(0, split));
    peer.send(std::string_view(text).substr(split));
    REQUIRE(peer.output == expected);
  }
  Peer bytewise;
  for (const char c : text) {
    bytewise.send({&c, 1});
  }
  CHECK(bytewise.output == expected);
  REQUIRE(bytewise.requests.size() == 4);
  const HttpRequest& first = bytewise.requests.front();
  CHECK(first.query == "x=1");
  CHECK(first.host == "www.example.test");
  CHECK(first.header("x-one") == "two");
  CHECK(first.client == Peer::about().client);
  CHECK(first.over_tls);
  CHECK_FALSE(bytewise.http.progress().is_finished);
}

TEST_CASE("what can be read in two ways is refused and ends the connection", "[net][http1]") {
  struct Row {
    const char* what;
    std::string text;
    int status;
  };
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string post = "POST / HTTP/1.1\r\n" + kHost;
  const Row row = GENERATE_COPY(values<Row>({
      {"space before the colon", get + "Host : www.example.test\r\n\r\n", 400},
      {"bare LF", "GET / HTTP/1.1\nHost: www.example.test\n\n", 400},
      {"bare LF among CRLF", get + "Host: www.example.test\nX: y\r\n\r\n", 400},
      {"bare CR", get + kHost + "X: a\rb\r\n\r\n", 400},
      {"folded header", get + kHost + "X: a\r\n b\r\n\r\n", 400},
      {"folded by a tab", get + kHost + "X: a\r\n\tb\r\n\r\n", 400},
      {"blank before the first header", get + " X: a\r\n" + kHost + "\r\n", 400},
      {"NUL in a header", get + kHost + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"no Host", get + "\r\n", 400},
      {"two Hosts", get + kHost + kHost + "\r\n", 400},
      {"a Host that is none", get + "Host: a@b\r\n\r\n", 400},
      {"unknown transfer encoding", post + "Transfer-Encoding: xchunked\r\n\r\n", 400},
      {"two transfer encodings", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
      {"transfer encoding twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"transfer encoding with vertical tab", post + "Transfer-Encoding: \vchunked\r\n\r\n", 400},
      {"length and transfer encoding", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"transfer encoding and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
      {"two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {"the same length twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"length list", post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {"negative length", post + "Content-Length: -1\r\n\r\n", 400},
      {"length with a sign", post + "Content-Length: +3\r\n\r\nabc", 400},
      {"hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", 400},
      {"huge length", post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"empty length", post + "Content-Length: \r\n\r\n", 400},
      {"chunk size that is none", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"negative chunk size", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
      {"chunk size overflow", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {"chunk without its end", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"blank target", "GET  HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"target with a blank", "GET /a b HTTP/1.1\r\n" + kHost + "\r\n", 505},
      {"target without a path", "GET a HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"tunnel", "CONNECT www.example.test:443 HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"no version", "GET /\r\n\r\n", 400},
      {"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"no HTTP", std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n", 10), 400},
      {"unknown expectation", get + kHost + "Expect: a-pony\r\n\r\n", 417},
      {"length beyond the limit", post + "Content-Length: 101\r\n\r\n", 413},
      {"chunks beyond the limit", post + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x'),
       413},
      {"header beyond the limit", get + kHost + "X: " + std::string(20000, 'x') + "\r\n\r\n", 431},
      {"endless header", get + "X: " + std::string(20000, 'x'), 431},
  }));
  CAPTURE(row.what);
  Peer peer;
  peer.send(row.text);
  CHECK(peer.output.substr(0, 13) == fmt::format("HTTP/1.1 {} ", row.status));
  CHECK(peer.output.find("connection: close\r\n") != std::string::npos);
  CHECK(peer.requests.empty());
  CHECK(peer.http.progress().is_finished);
  CHECK(peer.http.progress().refused == 1);
  const std::string before = peer.output;
  peer.send("GET /next HTTP/1.1\r\n" + kHost + "\r\n");
  CHECK(peer.output == before);
}

TEST_CASE("an endless chunk extension is refused", "[net][http1]") {
  Peer peer;
  peer.send("POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n3;");
  for (int i = 0; i < 20 && peer.output.empty(); ++i) {
    peer.send(std::string(1000, 'x'));
  }
  CHECK(peer.output.substr(0, 13) == "HTTP/1.1 400 ");
}

TEST_CASE("harmless oddities are accepted", "[net][http1]") {
  const std::string text =
      GENERATE(as<std::string>{},  //
               "GET / HTTP/1.1\r\nhOsT:www.example.test\r\n\r\n",
               "\r\nGET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n",
               "GET http://www.example.test/ HTTP/1.1\r\nHost: other.example.test\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: \t www.example.test \t\r\nX:\r\n\r\n",
               "GET / HTTP/1.0\r\nHost: www.example.test\r\n\r\n");
  Peer peer;
  peer.send(text);
  REQUIRE(peer.requests.size() == 1);
  CHECK(peer.requests[0].host == "www.example.test");
}

TEST_CASE("a body with a sink goes there piece by piece and never into the request", "[net][http1]") {
  const bool is_chunked = GENERATE(false, true);
  test::SinkRecord sink;
  Peer peer;
  peer.site.sink = &sink;
  peer.send("PUT /sink HTTP/1.1\r\n" + kHost +
            (is_chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 9\r\n\r\n"));
  CHECK(sink.pieces == 0);
  peer.send(is_chunked ? "4\r\nhalf\r\n" : "half");
  CHECK(sink.taken == "half");
  CHECK(peer.requests.empty());
  peer.send(is_chunked ? "5\r\n, all\r\n0\r\n\r\n" : ", all");
  REQUIRE(peer.requests.size() == 1);
  CHECK(sink.taken == "half, all");
  CHECK(sink.pieces == 2);
  CHECK(peer.requests[0].body.empty());
  CHECK(peer.taken() == ok("PUT /sink "));
  CHECK_FALSE(sink.is_gone);
  peer.requests.clear();
  CHECK(sink.is_gone);
}

TEST_CASE("a sink goes with a request that is refused or breaks off", "[net][http1]") {
  test::SinkRecord sink;
  std::optional<Peer> peer(std::in_place);
  peer->site.sink = &sink;
  SECTION("it has no room") {
    sink.room = 3;
    peer->send("PUT /sink HTTP/1.1\r\n" + kHost + "Content-Length: 9\r\n\r\nhalf");
    CHECK_THAT(peer->taken(), Catch::StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  }
  SECTION("more comes than the limit") {
    peer->send("PUT /sink HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n");
    peer->send("65\r\n" + std::string(0x65, 'x') + "\r\n0\r\n\r\n");
    CHECK_THAT(peer->taken(), Catch::StartsWith("HTTP/1.1 413 "));
  }
  SECTION("the connection ends") {
    peer->send("PUT /sink HTTP/1.1\r\n" + kHost + "Content-Length: 9\r\n\r\nhalf");
    CHECK_FALSE(sink.is_gone);
    peer.reset();
  }
  CHECK(sink.is_gone);
  CHECK((!peer || peer->requests.empty()));
}

TEST_CASE("a connection is kept or closed as the client asks", "[net][http1]") {
  const auto [text, closes] = GENERATE(table<std::string, bool>({
      {"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", true},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  }));
  Peer peer;
  peer.send(text);
  CHECK(peer.output == ok("GET / ", closes ? "connection: close\r\n" : ""));
  CHECK(peer.http.progress().is_finished == closes);
}

TEST_CASE("HEAD tells the length and sends no body", "[net][http1]") {
  Peer peer;
  peer.send("HEAD /x HTTP/1.1\r\n" + kHost + "\r\nGET / HTTP/1.1\r\n" + kHost + "\r\n");
  CHECK(peer.output == ok("HEAD /x ").substr(0, ok("HEAD /x ").size() - 8) + ok("GET / "));
}

TEST_CASE("a client that asks before it sends its body is told to go on, or not", "[net][http1]") {
  const auto [length, expected] = GENERATE(table<int, std::string>({
      {5, "HTTP/1.1 100 Continue\r\n\r\n"},
      {101, "HTTP/1.1 413 Payload Too Large\r\n"},
  }));
  Peer peer;
  peer.send(
      fmt::format("PUT / HTTP/1.1\r\n{}Content-Length: {}\r\nExpect: 100-Continue\r\n\r\n", kHost, length));
  CHECK(peer.output.substr(0, expected.size()) == expected);
  if (length == 5) {
    CHECK(peer.output == expected);
    peer.send("hello");
    CHECK(peer.output == expected + ok("PUT / hello"));
  }
}

TEST_CASE("a client that has sent its body is not told to go on", "[net][http1]") {
  Peer peer;
  peer.send("PUT / HTTP/1.1\r\n" + kHost + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
  CHECK(peer.output == ok("PUT / hello"));
}

TEST_CASE("a streamed response is chunked, or ends with the connection in HTTP/1.0", "[net][http1]") {
  const bool old = GENERATE(false, true);
  Peer peer;
  const uint32_t id =
      peer.receive_one(old ? "GET / HTTP/1.0\r\n\r\n" : "GET / HTTP/1.1\r\n" + kHost + "\r\n");
  peer.http.start(id, {200, {{"content-type", "text/event-stream"}}, ""});
  CHECK(peer.http.write(id, "first"));
  CHECK(peer.http.write(id, ""));
  CHECK(peer.http.write(id, "a second piece"));
  CHECK(peer.http.is_open(id));
  peer.http.finish(id);
  CHECK_FALSE(peer.http.is_open(id));
  const std::string head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
  if (old) {
    CHECK(peer.taken() == head + "connection: close\r\n\r\nfirsta second piece");
    CHECK(peer.http.progress().is_finished);
  } else {
    CHECK(peer.taken() ==
          head + "transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\ne\r\na second piece\r\n0\r\n\r\n");
    peer.send("GET / HTTP/1.1\r\n" + kHost + "\r\n");
    CHECK(peer.output == ok("GET / "));
  }
}

TEST_CASE("a stream that cannot be completed is cut before its last chunk", "[net][http1]") {
  Peer peer;
  const uint32_t id = peer.receive_one("GET / HTTP/1.1\r\n" + kHost + "\r\n");
  peer.http.start(id, {200, {}, ""});
  CHECK(peer.http.write(id, "part"));
  peer.http.abort(id);
  CHECK(peer.taken() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n");
  CHECK(peer.http.progress().is_finished);
}

TEST_CASE("a reader that is too slow for a stream is known", "[net][http1]") {
  HttpLimits limits;
  limits.unsent_bytes = 1000;
  Peer peer(limits);
  const uint32_t id = peer.receive_one("GET / HTTP/1.1\r\n" + kHost + "\r\n");
  peer.http.start(id, {200, {}, ""});
  CHECK(peer.http.write(id, std::string(800, 'x')));
  CHECK_FALSE(peer.http.write(id, std::string(800, 'x')));
  peer.take();
  CHECK(peer.http.write(id, std::string(800, 'x')));
}

TEST_CASE("a reader of a stream who never quite catches up gets all of it in order, in HTTP/1.1",
          "[net][http1]") {
  Peer peer;
  const uint32_t id = peer.receive_one("GET / HTTP/1.1\r\n" + kHost + "\r\n");
  peer.http.start(id, {200, {}, ""});
  peer.take();
  peer.output.clear();
  std::string all;
  const auto write = [&](const std::string& chunk) {
    all += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
    return peer.http.write(id, chunk);
  };
  REQUIRE(write(std::string(100'000, 'x')));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(write(std::string(10'000, static_cast<char>('a' + i % 26)) + std::to_string(i)));
    peer.http.take_output(peer.output, 10'000);
    REQUIRE(peer.http.unsent(id) > 0);
  }
  CHECK(peer.taken() == all);
}

TEST_CASE("a status without a body has none", "[net][http1]") {
  const int status = GENERATE(204, 304);
  Peer peer;
  const uint32_t id = peer.receive_one("GET / HTTP/1.1\r\n" + kHost + "\r\n");
  peer.http.respond(id, {status, {}, "never sent"});
  const std::string output = peer.taken();
  CHECK(output.find("content-length") == std::string::npos);
  CHECK(output.substr(output.size() - 4) == "\r\n\r\n");
}

TEST_CASE("a site cannot split a response or frame it otherwise", "[net][http1]") {
  Peer peer;
  const uint32_t id = peer.receive_one("GET / HTTP/1.1\r\n" + kHost + "\r\n");
  peer.http.respond(id, {302, {{"location", "/a\r\nset-cookie: x"}, {"transfer-encoding", "chunked"}}, ""});
  CHECK(peer.taken() == "HTTP/1.1 302 Found\r\nlocation: /a  set-cookie: x\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("a pipelined request waits until the response before it has gone", "[net][http1]") {
  Peer peer;
  const uint32_t id =
      peer.receive_one("GET /1 HTTP/1.1\r\n" + kHost + "\r\nGET /2 HTTP/1.1\r\n" + kHost + "\r\n");
  CHECK_FALSE(peer.http.next_request());
  CHECK_FALSE(peer.http.progress().wants_input);
  peer.http.respond(id, HttpResponse::text(200, "first"));
  CHECK_FALSE(peer.http.next_request());
  peer.take();
  CHECK(peer.http.next_request());
  peer.http.respond(id, HttpResponse::text(200, "the first again"));
  CHECK(peer.taken() == ok("first"));
}

TEST_CASE("progress says what the connection waits for", "[net][http1]") {
  using Phase = HttpProgress::Phase;
  Peer peer;
  CHECK(peer.http.progress().phase == Phase::kIdle);
  peer.send("POST / HT");
  CHECK(peer.http.progress().phase == Phase::kHead);
  peer.send("TP/1.1\r\n" + kHost + "Content-Length: 5\r\n\r\nhe");
  CHECK(peer.http.progress().phase == Phase::kBody);
  CHECK(peer.http.progress().body_bytes == 2);
  CHECK(peer.http.progress().requests == 1);
  const uint32_t id = peer.receive_one("llo");
  CHECK(peer.http.progress().phase == Phase::kAnswering);
  CHECK(peer.http.progress().wants_input);
  peer.http.respond(id, HttpResponse::text(200, "x"));
  CHECK(peer.http.progress().is_unsent);
  peer.take();
  CHECK(peer.http.progress().phase == Phase::kIdle);
  CHECK_FALSE(peer.http.progress().is_unsent);
}

TEST_CASE("going away ends an idle connection now and a busy one after its response", "[net][http1]") {
  Peer idle;
  idle.http.go_away();
  CHECK(idle.http.progress().is_finished);

  Peer busy;
  const uint32_t id = busy.receive_one("GET / HTTP/1.1\r\n" + kHost + "\r\n");
  busy.http.go_away();
  CHECK_FALSE(busy.http.progress().is_finished);
  busy.http.respond(id, HttpResponse::text(200, "last"));
  CHECK(busy.taken() == ok("last", "connection: close\r\n"));
  CHECK(busy.http.progress().is_finished);
}

}  // namespace

}  // namespace cenote::http1_test
