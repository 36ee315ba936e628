#include "resolver/net/http2_client.h"

#include <catch2/catch.hpp>

#include "resolver/net/http2.h"
#include "tests/resolver/net/fake_site.h"

namespace cenote::http2_client_test {
namespace {

// Our own server's side, in memory.
struct Talk {
  test::FakeSite site;
  HttpLimits limits;
  Http2 server{site, limits, {}};
  Http2Client client{"dns.example", 1000};
  std::vector<HttpRequest> asked;

  // Carries bytes both ways until nothing moves, `piece` at a time; `answer` is called for each request.
  bool run(const std::function<HttpResponse(const HttpRequest&)>& answer, size_t piece = 10'000) {
    for (bool moved = true; moved;) {
      std::string to_server;
      std::string to_client;
      client.take_output(to_server);
      for (size_t at = 0; at < to_server.size(); at += piece) {
        server.receive(as_bytes(to_server.substr(at, piece)));
      }
      while (auto incoming = server.next_request()) {
        asked.push_back(incoming->request);
        server.respond(incoming->id, answer(incoming->request));
      }
      server.take_output(to_client, SIZE_MAX);
      for (size_t at = 0; at < to_client.size(); at += piece) {
        client.receive(as_bytes(to_client.substr(at, piece)));
      }
      moved = !to_server.empty() || !to_client.empty();
    }
    return client.is_usable();
  }
};

HttpResponse echo(const HttpRequest& request) {
  return {200, {{"content-type", "application/dns-message"}}, ">" + request.body};
}

}  // namespace

TEST_CASE("requests go out and their responses come back under their ids", "[net][http2]") {
  const size_t piece = GENERATE(size_t{1}, size_t{7}, size_t{10'000});
  Talk talk;
  const uint32_t first = talk.client.post("/dns-query", "application/dns-message", as_bytes("one"));
  const uint32_t second = talk.client.post("/dns-query", "application/dns-message", as_bytes("two"));
  REQUIRE((first != 0 && second != 0 && first != second));
  CHECK(talk.run(echo, piece));
  REQUIRE(talk.asked.size() == 2);
  CHECK(talk.asked[0].method == "POST");
  CHECK(talk.asked[0].path == "/dns-query");
  CHECK(talk.asked[0].host == "dns.example");
  CHECK(talk.asked[0].header("content-type") == "application/dns-message");
  CHECK(talk.asked[0].header("accept") == "application/dns-message");
  for (const auto& [id, body] : {std::pair(first, ">one"), std::pair(second, ">two")}) {
    const auto response = talk.client.next();
    REQUIRE(response);
    CHECK(response->id == id);
    CHECK(response->status == 200);
    CHECK(response->content_type == "application/dns-message");
    CHECK(as_text(response->body) == body);
  }
  CHECK_FALSE(talk.client.next());
}

TEST_CASE("a body that is too large is no response", "[net][http2]") {
  Talk talk;
  talk.client.post("/", "x/y", as_bytes("question"));
  talk.run([](const HttpRequest&) { return HttpResponse::text(200, std::string(1001, 'x')); });
  const auto response = talk.client.next();
  REQUIRE(response);
  CHECK(response->status == 0);
}

TEST_CASE("an error's status comes through", "[net][http2]") {
  Talk talk;
  talk.client.post("/", "x/y", as_bytes("question"));
  talk.run([](const HttpRequest&) { return HttpResponse::text(503, "later"); });
  const auto response = talk.client.next();
  REQUIRE(response);
  CHECK(response->status == 503);
}

TEST_CASE("a server that leaves is asked no more", "[net][http2]") {  // RFC 9113 section 6.8
  Talk talk;
  REQUIRE(talk.run(echo));
  talk.server.go_away();
  CHECK_FALSE(talk.run(echo));
  CHECK(talk.client.post("/", "x/y", as_bytes("question")) == 0);
}

TEST_CASE("what is no HTTP/2 breaks the connection and nothing else", "[net][http2]") {
  Http2Client client("dns.example", 1000);
  std::string out;
  client.take_output(out);
  CHECK(client.is_usable());
  client.receive(as_bytes("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
  client.take_output(out);
  CHECK_FALSE(client.is_usable());
}

}  // namespace cenote::http2_client_test
