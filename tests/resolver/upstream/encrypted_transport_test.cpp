// DNS over TLS and over HTTPS towards an upstream, over loopback.
#include <catch2/catch.hpp>

#include "resolver/net/frame.h"
#include "resolver/net/http_server.h"
#include "resolver/net/tls.h"
#include "resolver/upstream/stream_transport.h"
#include "tests/support/dns_text.h"
#include "tests/support/sockets.h"
#include "tests/support/test_certificate.h"

namespace cenote::encrypted_transport_test {
namespace {

using test::ScriptedUpstream;
using test::Wire;

class Heard final : public TransportEvents {
 public:
  bool on_response(const Attempt&, Bytes message) override {
    responses.push_back(test::read(message));
    stop_at(responses.size());
    return true;
  }
  void on_unreachable(const Attempt&) override { stop_at(++unreachable); }
  void stop_at(size_t count) {
    if (count >= wanted) {
      loop.stop();
    }
  }
  Loop loop;
  size_t wanted = 1;
  std::vector<test::Message> responses;
  size_t unreachable = 0;
};

// A DNS over HTTPS server that answers every question with an address.
class DohSite final : public HttpSite {
 public:
  size_t body_limit(const HttpRequest&) const override { return 65535; }
  void serve(HttpRequest request, HttpResponder responder) override {
    asked.push_back(request);
    const Wire query(request.body.begin(), request.body.end());
    const Wire answer = ScriptedUpstream::default_script(query, true).front();
    HttpResponse response{status, {{"content-type", "application/dns-message"}}, {}};
    response.body.assign(as_text(answer));
    responder.respond(std::move(response));
  }
  int status = 200;
  std::vector<HttpRequest> asked;
};

// A DNS over TLS server of one connection, which keeps what it was asked.
class DotServer final : StreamAcceptor, StreamEvents {
 public:
  DotServer(Loop& loop, const TlsContext& tls, Wire keepalive) : tls_(tls), keepalive_(std::move(keepalive)) {
    auto made = StreamListener::listen(loop, test::loopback(0), *this);
    REQUIRE(made);
    listener_ = std::move(*made);
  }
  [[nodiscard]] const SocketAddress& local() const { return listener_->local(); }
  std::vector<Wire> asked;

 private:
  void on_stream(StreamListener&, std::unique_ptr<Stream> stream) override {
    stream_ = std::move(stream);
    stream_->start(*this, tls_.accept(stream_->local(), stream_->peer()));
  }
  void on_bytes(Bytes bytes) override {
    frames_.feed(bytes);
    while (const auto message = frames_.next()) {
      asked.emplace_back(message->begin(), message->end());
      Wire answer = ScriptedUpstream::default_script(asked.back(), true).front();
      if (!keepalive_.empty()) {  // an OPT behind the last record
        answer[11] = 1;
        answer.insert(answer.end(), keepalive_.begin(), keepalive_.end());
      }
      CHECK(stream_->send(test::framed(answer)));
    }
  }
  void on_closed(StreamEnd, std::string_view) override {}

  const TlsContext& tls_;
  Wire keepalive_;
  std::unique_ptr<StreamListener> listener_;
  std::unique_ptr<Stream> stream_;
  FrameReader frames_;
};

struct Fixture {
  Random random;
  Heard heard;
  test::TestCertificate certificate = test::make_certificate("DNS:dns.example.test,IP:127.0.0.1");
  test::CertificateFiles files{certificate};

  TlsContext server(const std::vector<std::string>& alpn) const {
    auto made = TlsContext::server(files.certificate(), files.key(), alpn);
    REQUIRE(made);
    return std::move(*made);
  }
  TlsContext client(const TlsClientTrust& trust) const {
    auto made = TlsContext::client(trust);
    REQUIRE(made);
    return std::move(*made);
  }
  TlsClientTrust named(const std::string& name, const std::string& alpn) const {
    return {files.certificate(), name, {}, {alpn}};
  }
  void ask(StreamTransport& transport, size_t count, milliseconds most = seconds{8}) {
    heard.wanted = count;
    for (size_t i = 0; i < count; ++i) {
      const std::string name = "n" + std::to_string(i) + ".example";
      CHECK(transport.send({}, {Name::from_text(name).value(), rrtype::kA, false, false}));
    }
    run(most);
  }
  void run(milliseconds most) {
    Timer limit(heard.loop, [this] { heard.loop.stop(); });
    limit.start(most);
    heard.loop.run();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "RFC 8484: questions go over one HTTP/2 connection, with id 0 and padded",
                 "[upstream][doh]") {
  DohSite site;
  const TlsContext server_tls = server({"h2", "http/1.1"});
  HttpServer http(heard.loop, site);
  REQUIRE(http.listen(test::loopback(0), &server_tls));
  TlsContext tls = client(named("dns.example.test", "h2"));
  StreamTransport transport(heard.loop, {http.local().front(), &tls, HttpEndpoint{"dns.example.test", "/q"}},
                            random, heard);
  ask(transport, 20);
  CHECK(heard.responses.size() == 20);
  CHECK(transport.connections() == 1);
  REQUIRE(site.asked.size() == 20);
  for (const HttpRequest& request : site.asked) {
    CHECK(request.method == "POST");
    CHECK(request.path == "/q");
    CHECK(request.host == "dns.example.test");
    CHECK(request.body.size() % 128 == 0);  // RFC 8467 section 4.1
    CHECK((request.body[0] == 0 && request.body[1] == 0));
  }
}

TEST_CASE_METHOD(Fixture, "RFC 8484 section 4.2.1: an HTTP error is no answer", "[upstream][doh]") {
  DohSite site;
  site.status = 503;
  const TlsContext server_tls = server({"h2"});
  TlsContext tls = client(named("127.0.0.1", "h2"));
  HttpServer http(heard.loop, site);
  REQUIRE(http.listen(test::loopback(0), &server_tls));
  StreamTransport transport(heard.loop, {http.local().front(), &tls, HttpEndpoint{"127.0.0.1", "/"}}, random,
                            heard);
  ask(transport, 1);
  CHECK(heard.unreachable == 1);
}

TEST_CASE_METHOD(Fixture, "RFC 8310 section 8.1: a server that is not who it should be is not asked",
                 "[upstream][dot]") {
  const TlsContext server_tls = server({"dot"});
  DotServer dot(heard.loop, server_tls, {});
  const auto trust =
      GENERATE_COPY(named("other.example.test", "dot"),                              // another name
                    TlsClientTrust{"", "dns.example.test", {}, {"dot"}},             // an unknown authority
                    TlsClientTrust{"", "", {std::string(43, 'A') + "="}, {"dot"}});  // another key
  TlsContext tls = client(trust);
  StreamTransport transport(heard.loop, {dot.local(), &tls}, random, heard);
  ask(transport, 1);
  CHECK(heard.unreachable == 1);
  CHECK(dot.asked.empty());
}

TEST_CASE_METHOD(Fixture, "RFC 7858 section 4.2: a pinned key is enough", "[upstream][dot]") {
  const TlsContext server_tls = server({"dot"});
  DotServer dot(heard.loop, server_tls, {});
  TlsContext tls = client({"", "", {certificate.spki_pin()}, {"dot"}});
  StreamTransport transport(heard.loop, {dot.local(), &tls}, random, heard);
  ask(transport, 3);
  CHECK(heard.responses.size() == 3);
  CHECK(transport.connections() == 1);
  for (const Wire& query : dot.asked) {
    CHECK(query.size() % 128 == 0);  // RFC 8467 section 4.1
  }
}

TEST_CASE_METHOD(Fixture, "RFC 7828 section 3.3: an idle connection stays as long as the server says",
                 "[upstream][dot]") {
  // An OPT with edns-tcp-keepalive: so many tenths of a second.
  const auto opt = [](uint8_t tenths) {
    return Wire{0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 6, 0, 11, 0, 2, 0, tenths};
  };
  const TlsContext server_tls = server({"dot"});
  TlsContext tls = client(named("dns.example.test", "dot"));
  const uint8_t tenths = GENERATE(uint8_t{2}, uint8_t{200});
  DotServer dot(heard.loop, server_tls, opt(tenths));
  StreamTransport transport(heard.loop, {dot.local(), &tls}, random, heard);
  ask(transport, 1);
  REQUIRE(heard.responses.size() == 1);
  CHECK(transport.is_connected());
  run(milliseconds{600});
  CHECK(transport.is_connected() == (tenths == 200));
  // And it was asked for: an option 11 without a value (section 3.2.1).
  const Wire option{0, 11, 0, 0};
  CHECK(std::search(dot.asked[0].begin(), dot.asked[0].end(), option.begin(), option.end()) !=
        dot.asked[0].end());
}

}  // namespace cenote::encrypted_transport_test
