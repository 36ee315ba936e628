// Downloads over TLS from a server whose certificate is made on the spot.
#include <thread>

#include <catch2/catch.hpp>

#include "ioc/fetch.h"
#include "resolver/net/http_server.h"
#include "resolver/net/tls.h"
#include "tests/ioc/sent_once.h"
#include "tests/support/test_certificate.h"

namespace cenote::fetch_tls_test {
namespace {

constexpr const char* kHost = "feeds.example.test";

class ListSite final : public HttpSite {
 public:
  [[nodiscard]] size_t body_limit(const HttpRequest& /*head*/) const override { return 0; }
  void serve(HttpRequest request, HttpResponder responder) override {
    ++asked;
    if (request.header("if-none-match") == "\"v1\"") {
      responder.respond({304, {{"etag", "\"v1\""}}, ""});
    } else if (request.path == "/in-clear") {
      responder.respond({302, {{"location", "http://" + std::string(kHost) + "/list"}}, ""});
    } else {
      responder.respond({200, {{"etag", "\"v1\""}}, "evil.example\n"});
    }
  }
  std::atomic<int> asked{0};
};

class Server {
 public:
  explicit Server(std::vector<std::string> alpn)
      : files_(test::make_certificate(std::string("DNS:") + kHost)),
        tls_(TlsContext::server(files_.certificate(), files_.key(), std::move(alpn)).value()),
        server_(loop_, site) {
    REQUIRE(server_.listen(*SocketAddress::from_text("127.0.0.1:0"), &tls_));
    port_ = server_.local().at(0).port();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Server() {
    loop_.stop();
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // As a feed with this server's authority would be fetched.
  [[nodiscard]] FetchRequest request(const std::string& host, const std::string& path = "/list") const {
    FetchRequest request;
    request.url = "https://" + host + ':' + std::to_string(port_) + path;
    request.ca_file = files_.certificate();
    request.resolve = HostResolver([](const std::string& /*host*/) {
      return std::vector<IpAddress>{IpAddress::v4({127, 0, 0, 1})};
    });
    return request;
  }

  ListSite site;

 private:
  test::CertificateFiles files_;
  TlsContext tls_;
  Loop loop_;
  HttpServer server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

const std::atomic<bool> kNotCancelled{false};

std::string error_of(const FetchRequest& request) {
  const auto got = fetch(request, kNotCancelled);
  return got ? "no error" : got.error().message;
}

}  // namespace

TEST_CASE("a list comes over TLS from whom our authority vouches for, and an unchanged one is not sent again",
          "[ioc][fetch]") {
  const bool speaks_http2 = GENERATE(true, false);
  Server server(speaks_http2 ? std::vector<std::string>{"h2", "http/1.1"}
                             : std::vector<std::string>{"http/1.1"});
  test::check_sent_once(server.request(kHost));
  CHECK(server.site.asked == 2);
}

TEST_CASE("nothing is asked of a server that cannot prove its name", "[ioc][fetch]") {
  Server server({"h2", "http/1.1"});
  SECTION("an authority that nobody told us of") {
    FetchRequest request = server.request(kHost);
    request.ca_file.clear();
    CHECK_THAT(error_of(request), Catch::Contains("certificate"));
  }
  SECTION("another authority than the feed's") {
    const test::CertificateFiles other(test::make_certificate(std::string("DNS:") + kHost));
    FetchRequest request = server.request(kHost);
    request.ca_file = other.certificate();
    CHECK_THAT(error_of(request), Catch::Contains("certificate"));
  }
  SECTION("a certificate for another name") {
    CHECK_THAT(error_of(server.request("other.example.test")), Catch::Contains("certificate"));
  }
  SECTION("an authority file that is not there") {
    FetchRequest request = server.request(kHost);
    request.ca_file += ".gone";
    CHECK(error_of(request) != "no error");
  }
  CHECK(server.site.asked == 0);
}

TEST_CASE("a list that was asked for over TLS never comes in clear", "[ioc][fetch]") {
  Server server({"h2", "http/1.1"});
  CHECK_THAT(error_of(server.request(kHost, "/in-clear")), Catch::Contains("which is not https"));
  CHECK(server.site.asked == 1);
}

}  // namespace cenote::fetch_tls_test
