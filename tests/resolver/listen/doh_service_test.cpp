// RFC 8484, over plain HTTP/1.1 here; HTTP/2 and TLS are HttpServer's and are met in tests/system.
#include "resolver/listen/doh_service.h"

#include <catch2/catch.hpp>

#include "resolver/base/base64.h"
#include "tests/support/cenote_process.h"
#include "tests/support/fake_snapshot.h"
#include "tests/support/served_pipeline.h"

namespace cenote::doh_service_test {
using namespace cenote::test;

namespace {

constexpr const char* kPost =
    "POST /dns-query HTTP/1.1\r\nHost: dns.example\r\nContent-Type: application/dns-message\r\n";

struct Served : ServedPipeline {
  explicit Served(ScriptedUpstream::Script script = {}) : ServedPipeline(std::move(script)) {
    on_loop([&] {
      service = std::make_unique<DohService>(loop(), pipeline());
      REQUIRE(service->listen(loopback(0), nullptr));
    });
  }
  ~Served() {
    on_loop([&] { service.reset(); });
  }
  HttpAnswer get(const std::string& target) {
    return http(service->local().front(), "GET " + target + " HTTP/1.1\r\nHost: dns.example\r\n");
  }
  HttpAnswer get(const Wire& query) { return get("/dns-query?dns=" + encode_base64url(query)); }
  HttpAnswer send(const std::string& head, const Wire& query) {
    return http(service->local().front(), head, std::string(query.begin(), query.end()));
  }

  std::unique_ptr<DohService> service;
};

Message answer_in(const HttpAnswer& answer) {
  return read(as_bytes(answer.body));
}

std::string header_of(const HttpAnswer& answer, const std::string& name) {
  const size_t at = answer.head.find("\r\n" + name + ": ");
  return at == std::string::npos ? ""
                                 : answer.head.substr(at + name.size() + 4, answer.head.find("\r\n", at + 2) -
                                                                                at - name.size() - 4);
}

}  // namespace

TEST_CASE("RFC 8484 section 4.1: a query by GET and by POST is answered", "[listen][doh]") {
  Served served;
  const Wire asked = query("www.example.com", rrtype::kA, {.id = 0});
  for (const HttpAnswer& answer : std::vector{served.get(asked), served.send(kPost, asked)}) {
    CHECK(answer.status == 200);
    CHECK(header_of(answer, "content-type") == "application/dns-message");
    const Message message = answer_in(answer);
    REQUIRE(message.ok);
    CHECK(message.id == 0);
    CHECK(message.answers == std::vector<std::string>{"www.example.com. 60 IN A 192.0.2.1"});
  }
  CHECK(served.upstream.queries() == 1);
}

TEST_CASE("RFC 8484 section 5.1: an answer is fresh as long as its least TTL", "[listen][doh]") {
  Served served([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("www.example.com. 300 IN CNAME cdn.example.com.")
                                 .answer("cdn.example.com. 20 IN A 192.0.2.1")
                                 .wire()};
  });
  const HttpAnswer answer = served.get(query("www.example.com", rrtype::kA));
  CHECK(header_of(answer, "cache-control") == "private, max-age=20");
}

TEST_CASE("RFC 8484 section 5.1: a negative answer is fresh as long as RFC 2308 says", "[listen][doh]") {
  Served served([](const Wire& asked, bool) {
    return std::vector<Wire>{
        Reply(asked)
            .rcode(Rcode::kNxDomain)
            .authority("example.com. 900 IN SOA ns.example.com. h.example.com. 1 1 1 1 45")
            .wire()};
  });
  const HttpAnswer answer = served.get(query("none.example.com", rrtype::kA));
  CHECK(answer.status == 200);
  CHECK(header_of(answer, "cache-control") == "private, max-age=45");
}

TEST_CASE("RFC 8484 section 4.2.1: a DNS error is a successful HTTP response that is not kept",
          "[listen][doh]") {
  Served served(
      [](const Wire& asked, bool) { return std::vector<Wire>{Reply(asked).rcode(Rcode::kServFail).wire()}; });
  const HttpAnswer answer = served.get(query("www.example.com", rrtype::kA));
  CHECK(answer.status == 200);
  CHECK(answer_in(answer).rcode == 2);
  CHECK(header_of(answer, "cache-control") == "private, max-age=0");
}

TEST_CASE("RFC 8484 section 4.1: an answer is as long as it needs to be, whatever size EDNS names",
          "[listen][doh]") {
  Served served([](const Wire& asked, bool) {
    Reply reply(asked);
    for (int i = 0; i < 60; ++i) {
      reply.answer("www.example.com. 60 IN A 192.0.2." + std::to_string(i));
    }
    return std::vector<Wire>{reply.wire()};
  });
  const Message message = answer_in(served.get(query("www.example.com", rrtype::kA, {.udp_size = 512})));
  CHECK(message.answers.size() == 60);
  CHECK_FALSE(message.tc);
}

TEST_CASE("a question that policy meets with silence is refused, also when only the answer explains it",
          "[listen][doh]") {
  Served served([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("www.example.com. 60 IN CNAME x.drop.example.")
                                 .answer("x.drop.example. 60 IN A 192.0.2.1")
                                 .wire()};
  });
  Listed dropped;
  dropped.what = "drop.example";
  dropped.action = Action::kDrop;
  served.on_loop([&] { served.policy().adopt(std::make_shared<FakeSnapshot>(std::vector{dropped})); });
  for (int i = 0; i < 2; ++i) {  // from the upstream, then from the cache
    CHECK(served.get(query("www.example.com", rrtype::kA)).status == 503);
  }
  CHECK(served.get(query("drop.example", rrtype::kA)).status == 503);
}

TEST_CASE("what is no DNS request gets a client error that says so", "[listen][doh]") {
  Served served;
  const Wire asked = query("www.example.com", rrtype::kA);
  Wire response = asked;
  response[2] |= 0x80;
  CHECK(served.get("/").status == 404);
  CHECK(served.get("/dns-query/").status == 404);
  CHECK(served.get("/dns-query").status == 400);
  CHECK(served.get("/dns-query?dns=").status == 400);
  CHECK(served.get("/dns-query?dns=AAAA=").status == 400);
  CHECK(served.get("/dns-query?dns=!!!!").status == 400);
  CHECK(served.get(response).status == 400);
  CHECK(served.send("POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n", asked).status ==
        415);
  CHECK(served.send("POST /dns-query HTTP/1.1\r\nHost: a\r\n", asked).status == 415);
  CHECK(served.send(kPost, Wire{0, 1, 2}).status == 400);
  CHECK(served.send(kPost, Wire(70000)).status == 413);
  const HttpAnswer deleted = served.send("DELETE /dns-query HTTP/1.1\r\nHost: a\r\n", {});
  CHECK(deleted.status == 405);
  CHECK(header_of(deleted, "allow") == "GET, HEAD, POST");
  CHECK(served.upstream.queries() == 0);
}

TEST_CASE("a media type may carry parameters and any letter case", "[listen][doh]") {
  Served served;
  const HttpAnswer answer = served.send(
      "POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Type: Application/DNS-Message; charset=x\r\n",
      query("www.example.com", rrtype::kA));
  CHECK(answer.status == 200);
}

}  // namespace cenote::doh_service_test
