// The real binary on loopback: what one sender of the control API, or a page in somebody's browser, does not
// get.
#include <csignal>
#include <filesystem>
#include <thread>

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <poll.h>

#include "resolver/net/digest.h"
#include "tests/support/cenote_process.h"

namespace cenote::limits_test {
using namespace cenote::test;
using nlohmann::json;

namespace {

struct Site {
  TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess cenote;

  Site()
      : cenote(folder,
               {"  - {name: pushed, source: push, scope: suffix, category: phishing}\n"
                "  - {name: two, source: push, scope: suffix, category: phishing}\n"},
               &upstream) {
    write_tokens({{"reader", "read"}, {"bob", "push:*"}});
    const bool started = cenote.start();
    INFO(cenote.output());
    REQUIRE(started);
  }
  void write_tokens(const std::vector<std::pair<std::string, std::string>>& tokens) const {
    std::string text = "tokens:\n";
    for (const auto& [name, scope] : tokens) {
      text += "  - {name: " + name + ", sha256: " + sha256_hex(name + "-secret") + ", scopes: [\"" + scope +
              "\"]}\n";
    }
    folder.write("tokens.yaml", text);
    std::filesystem::permissions(folder / "tokens.yaml",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  [[nodiscard]] HttpAnswer ask(const std::string& who, const std::string& line, const std::string& body = "",
                               const std::string& headers = "") const {
    return http(
        cenote.control(),
        line + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + who + "-secret\r\n" + headers,
        body);
  }
};

// Until `tail` has come, or 10 s are up.
std::string read_until(int client, const std::string& tail) {
  std::string text;
  std::array<char, 4096> bytes{};
  pollfd watched{client, POLLIN, 0};
  while (text.find(tail) == std::string::npos && poll(&watched, 1, 10'000) == 1) {
    const ssize_t got = recv(client, bytes.data(), bytes.size(), 0);
    if (got <= 0) {
      return text + "<end>";
    }
    text.append(bytes.data(), static_cast<size_t>(got));
  }
  return text;
}

}  // namespace

TEST_CASE("who repeats a change several times over connections that wait for it gets one answer each",
          "[system]") {
  const Site site;
  std::string list;
  for (int i = 0; i < 20'000; ++i) {
    list += "host" + std::to_string(i) + ".phish-sample.test\n";
  }
  std::thread first([&] { static_cast<void>(site.ask("bob", "PUT /v1/feeds/pushed", list)); });
  std::this_thread::sleep_for(milliseconds{300});
  const std::string request =
      "PUT /v1/feeds/two HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bob-secret\r\nIdempotency-Key: K\r\n"
      "Content-Length: 16\r\n\r\na.small.example\n";
  std::vector<Descriptor> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(connect_tcp(site.cenote.control()));
    REQUIRE(send_all(clients.back().get(), as_bytes(i == 0 ? request : request + request)));
  }
  first.join();
  for (size_t i = 1; i < clients.size(); ++i) {
    const std::string answers = read_until(clients[i].get(), "idempotent-replay: true");
    CAPTURE(answers);
    CHECK(answers.find("HTTP/1.1 200") != std::string::npos);
    CHECK(answers.find("HTTP/1.1 500") == std::string::npos);
  }
  CHECK(site.ask("reader", "GET /v1/status").status == 200);
}

TEST_CASE("a body that its sender may not send is refused by its head", "[system]") {
  const Site site;
  const std::string deep(16U << 20, '[');
  CHECK(site.ask("reader", "POST /v1/indicators", deep).status == 403);
  CHECK(site.ask("nobody", "POST /v1/indicators", deep).status == 401);
  CHECK(site.ask("reader", "PUT /v1/feeds/pushed", deep).status == 403);
  CHECK(site.ask("bob", "POST /v1/indicators", deep).status == 413);
  const auto began = std::chrono::steady_clock::now();
  CHECK(site.ask("bob", "PATCH /v1/feeds/pushed", std::string(4U << 20, '[')).status == 400);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{5});
  CHECK(site.ask("reader", "POST /v1/indicators", "{}").body.find("forbidden") != std::string::npos);
}

TEST_CASE("slow uploads of one token leave room for another's push", "[system]") {
  const Site site;
  std::vector<Descriptor> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(connect_tcp(site.cenote.control()));
    REQUIRE(
        send_all(slow.back().get(),
                 as_bytes("PUT /v1/feeds/pushed HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bob-secret\r\n"
                          "Content-Length: 200000000\r\n\r\na.test\n")));
  }
  CHECK(site.cenote.api("PUT", "/v1/feeds/pushed", "bad.phish-sample.test\n").status == 200);
}

TEST_CASE("who follows the hits stops when its token goes", "[system]") {
  const Site site;
  const Descriptor client = connect_tcp(site.cenote.control());
  REQUIRE(send_all(client.get(), as_bytes("GET /v1/hits?follow=1 HTTP/1.1\r\nHost: a\r\n"
                                          "Authorization: Bearer reader-secret\r\n\r\n")));
  REQUIRE(site.cenote.api("PUT", "/v1/feeds/pushed", "bad.phish-sample.test\n").status == 200);
  REQUIRE(site.cenote.becomes_blocked("bad.phish-sample.test"));
  CHECK(read_until(client.get(), "bad.phish-sample.test").find("<end>") == std::string::npos);
  site.write_tokens({{"bob", "push:pushed"}});
  kill(site.cenote.pid(), SIGHUP);
  CHECK(read_until(client.get(), "\r\n0\r\n\r\n").find("0\r\n\r\n") != std::string::npos);
}

TEST_CASE("a page that has its name resolve to us reads nothing", "[system]") {
  const Site site;
  for (const char* path : {"/metrics", "/healthz"}) {
    const auto status = [&](const std::string& host) {
      return http(site.cenote.control(), std::string("GET ") + path + " HTTP/1.1\r\nHost: " + host + "\r\n")
          .status;
    };
    CHECK(status("127.0.0.1:8053") == 200);
    CHECK(status("localhost") == 200);
    CHECK(status("rebound.example:8053") == 421);
  }
}

TEST_CASE("a block that was lifted is not explained any more", "[system]") {
  Site site;
  site.upstream.set([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("shop.example.com. 300 IN CNAME cdn.phish-sample.test.")
                                 .answer("cdn.phish-sample.test. 300 IN A 192.0.2.66")
                                 .wire()};
  });
  const auto page = [&] {
    return http(site.cenote.page(), "GET / HTTP/1.1\r\nHost: shop.example.com\r\nAccept: text/html\r\n")
        .status;
  };
  REQUIRE(site.cenote.api("PUT", "/v1/feeds/pushed", "cdn.phish-sample.test\n").status == 200);
  REQUIRE(site.cenote.becomes_blocked("cdn.phish-sample.test"));
  REQUIRE(site.cenote.ask("shop.example.com", rrtype::kA).ede == 15);
  CHECK(page() == 403);
  REQUIRE(site.cenote.api("PUT", "/v1/feeds/pushed", "other.phish-sample.test\n").status == 200);
  REQUIRE(site.cenote.becomes_blocked("other.phish-sample.test"));
  int status = page();
  for (int i = 0; i < 100 && status != 421; ++i) {  // the page hears of it when the workers have
    std::this_thread::sleep_for(milliseconds{20});
    status = page();
  }
  CHECK(status == 421);
}

}  // namespace cenote::limits_test
