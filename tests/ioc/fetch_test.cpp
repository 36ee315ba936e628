#include "ioc/fetch.h"

#include <deque>
#include <mutex>
#include <thread>

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/ioc/sent_once.h"
#include "tests/support/sockets.h"
#include "tests/support/temporary_folder.h"

namespace cenote::fetch_test {
namespace {

std::string answer(const std::string& status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

// Gives the next answer of its script to each connection, and keeps what was asked.
class Server {
 public:
  explicit Server(std::deque<std::string> script) : script_(std::move(script)) {
    listener_ = test::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    SocketAddress any = test::loopback(0);
    REQUIRE(::bind(listener_.get(), any.data(), any.size()) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    socklen_t size = SocketAddress::kCapacity;
    REQUIRE(::getsockname(listener_.get(), any.data(), &size) == 0);
    port_ = any.port();
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] std::string url(const std::string& path = "/list",
                                const std::string& host = "127.0.0.1") const {
    return "http://" + host + ':' + std::to_string(port_) + path;
  }
  [[nodiscard]] std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve() {
    while (true) {
      const test::Descriptor peer(::accept(listener_.get(), nullptr, nullptr));
      if (peer.get() < 0) {
        return;
      }
      std::string request;
      char byte = 0;
      while (!request.ends_with("\r\n\r\n") && ::recv(peer.get(), &byte, 1, 0) == 1) {
        request += byte;
      }
      std::string next;
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(request);
        if (!script_.empty()) {
          next = script_.front();
          script_.pop_front();
        }
      }
      size_t sent = 0;
      while (sent < next.size()) {
        const ssize_t one = ::send(peer.get(), next.data() + sent, next.size() - sent, MSG_NOSIGNAL);
        if (one <= 0) {
          break;
        }
        sent += static_cast<size_t>(one);
      }
    }
  }

  std::deque<std::string> script_;
  std::vector<std::string> asked_;
  mutable std::mutex mutex_;
  test::Descriptor listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

const std::atomic<bool> kNotCancelled{false};

Result<Fetched> fetched(const std::string& url) {
  FetchRequest request;
  request.url = url;
  return fetch(request, kNotCancelled);
}

}  // namespace

TEST_CASE("a list comes with its version, and an unchanged one is not sent again", "[ioc][fetch]") {
  Server server(
      {answer("200 OK", "ETag: \"v1\"\r\nLast-Modified: Sun, 22 Nov 2026 00:00:00 GMT\r\n", "evil.example\n"),
       answer("304 Not Modified", "", "")});
  FetchRequest request;
  request.url = server.url();
  test::check_sent_once(request);
  CHECK_THAT(server.asked()[1], Catch::Contains("If-None-Match: \"v1\"\r\n"));
}

TEST_CASE("without an ETag the time of the last change decides", "[ioc][fetch]") {
  Server server({answer("200 OK", "Last-Modified: Sun, 22 Nov 2026 00:00:00 GMT\r\n", "x"),
                 answer("304 Not Modified", "", "")});
  FetchRequest request;
  request.url = server.url();
  request.version = fetch(request, kNotCancelled)->version;
  CHECK(fetch(request, kNotCancelled)->is_unchanged);
  CHECK_THAT(server.asked()[1], Catch::Contains("If-Modified-Since: Sun, 22 Nov 2026 00:00:00 GMT\r\n"));
}

TEST_CASE("what is no list is an error that says why", "[ioc][fetch]") {
  SECTION("a status") {
    Server server({answer("503 Busy", "", "later")});
    CHECK_THAT(fetched(server.url()).error().message, Catch::Contains("HTTP status 503"));
  }
  SECTION("a body that ends early") {
    Server server({"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nevil.example\n"});
    CHECK_FALSE(fetched(server.url()));
  }
  SECTION("nobody there") {
    CHECK_FALSE(fetched("http://127.0.0.1:1/list"));
  }
  SECTION("a loop") {
    const std::string again = answer("302 Found", "Location: /list\r\n", "");
    Server server({again, again, again, again, again, again, again});
    CHECK_THAT(fetched(server.url()).error().message, Catch::Contains("more than 5 redirects"));
    CHECK(server.asked().size() == 6);
  }
  SECTION("another protocol") {
    Server server({answer("302 Found", "Location: file:///etc/passwd\r\n", "")});
    CHECK_FALSE(fetched(server.url()));
  }
}

TEST_CASE("a list over the limit is refused, whether its size was told or not", "[ioc][fetch]") {
  const std::string big(2000, 'x');
  Server server({answer("200 OK", "", big), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + big});
  FetchRequest request;
  request.url = server.url();
  request.most_bytes = 1000;
  CHECK_THAT(fetch(request, kNotCancelled).error().message, Catch::Contains("more than 1000 bytes"));
  CHECK_THAT(fetch(request, kNotCancelled).error().message, Catch::Contains("more than 1000 bytes"));
}

TEST_CASE("a list goes to the disk as it comes, without what stood behind a redirect", "[ioc][fetch]") {
  const TemporaryFolder folder;
  Server server({answer("302 Found", "Location: /there\r\n", "moved.example\n"),
                 answer("200 OK", "ETag: \"v1\"\r\n", "evil.example\n")});
  const auto list = IncomingList::create(folder.path()).value();
  FetchRequest request;
  request.url = server.url();
  request.list = list.get();
  const auto got = fetch(request, kNotCancelled);
  REQUIRE(got);
  CHECK(got->body.empty());
  CHECK(got->version == "etag \"v1\"");
  CHECK(list->size() == 13);
  CHECK(folder.read(list->path().substr(folder.path().size() + 1)) == "evil.example\n");
}

TEST_CASE("a fetch that is cancelled ends soon", "[ioc][fetch]") {
  Server server({"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"});
  const std::atomic<bool> cancelled{true};
  FetchRequest request;
  request.url = server.url();
  CHECK_FALSE(fetch(request, cancelled));
}

TEST_CASE("hosts are looked up by whom we say, also behind a redirect", "[ioc][fetch]") {
  Server second({answer("200 OK", "", "evil.example\n")});
  Server first({answer("302 Found", "Location: " + second.url("/there", "other.test") + "\r\n", "")});
  FetchRequest request;
  request.url = first.url("/list", "feeds.test");
  request.header = "Authorization: Bearer secret";
  std::vector<std::string> looked_up;
  request.resolve = HostResolver([&](const std::string& host) {
    looked_up.push_back(host);
    return std::vector<IpAddress>{IpAddress::v4({127, 0, 0, 1})};
  });
  const auto got = fetch(request, kNotCancelled);
  REQUIRE(got);
  CHECK(got->body == "evil.example\n");
  CHECK(looked_up == std::vector<std::string>{"feeds.test", "other.test"});
  CHECK_THAT(first.asked()[0], Catch::Contains("Authorization: Bearer secret\r\n"));
  // The secret was for the first host.
  CHECK_THAT(second.asked()[0], !Catch::Contains("secret"));
}

TEST_CASE("a host that nobody knows is an error, never the machine's own answer", "[ioc][fetch]") {
  FetchRequest request;
  request.url = "http://feeds.test:1/list";
  request.resolve = HostResolver([](const std::string&) { return std::vector<IpAddress>{}; });
  CHECK_THAT(fetch(request, kNotCancelled).error().message, Catch::Contains("know no address of feeds.test"));
}

TEST_CASE("a proxy is asked in place of the server", "[ioc][fetch]") {
  Server proxy({answer("200 OK", "", "evil.example\n")});
  FetchRequest request;
  request.url = "http://feeds.test/list";
  request.proxy = proxy.url("");
  const auto got = fetch(request, kNotCancelled);
  REQUIRE(got);
  CHECK_THAT(proxy.asked()[0], Catch::StartsWith("GET http://feeds.test/list HTTP/1.1\r\n"));
}

namespace {

std::string page(const std::string& rest, const std::string& id, const std::string& headers = "") {
  return answer("200 OK", "Content-Type: application/taxii+json;version=2.1\r\n" + headers,
                R"({"objects":[{"type":"indicator","id":")" + id + R"("}])" + rest + "}");
}

Result<Fetched> collection(const Server& server, const std::string& version = "") {
  FetchRequest request;
  request.url = server.url("/root/collections/7/");
  request.version = version;
  return fetch_taxii(request, kNotCancelled);
}

std::vector<std::string> ids(const std::string& bundle) {
  std::vector<std::string> all;
  const auto json = nlohmann::json::parse(bundle);
  for (const auto& object : json["objects"]) {
    all.push_back(object["id"]);
  }
  return all;
}

}  // namespace

TEST_CASE("a TAXII collection is read to its last page", "[ioc][fetch][taxii]") {
  Server server({page(R"(,"more":true,"next":"a/b c&d")", "one"),
                 page(R"(,"more":true)", "two", "X-TAXII-Date-Added-Last: 2026-11-22T10:00:00.000Z\r\n"),
                 page("", "three", "X-TAXII-Date-Added-Last: 2026-11-22T11:00:00.000Z\r\n")});
  const auto got = collection(server);
  REQUIRE(got);
  CHECK(ids(got->body) == std::vector<std::string>{"one", "two", "three"});
  CHECK(got->version == "taxii 2026-11-22T11:00:00.000Z");
  const auto asked = server.asked();
  REQUIRE(asked.size() == 3);
  CHECK_THAT(asked[0], Catch::StartsWith("GET /root/collections/7/objects/?limit=1000 HTTP/1.1\r\n") &&
                           Catch::Contains("Accept: application/taxii+json;version=2.1\r\n"));
  // The mark is the server's own and goes back as it came; without one, what was added later is asked for.
  CHECK_THAT(asked[1], Catch::Contains("&next=a%2Fb%20c%26d HTTP"));
  CHECK_THAT(asked[2], Catch::Contains("&added_after=2026-11-22T10%3A00%3A00.000Z HTTP"));
}

TEST_CASE("a TAXII collection to which nothing was added is not read again", "[ioc][fetch][taxii]") {
  Server server(
      {answer("200 OK", "", "{}"), answer("200 OK", "", R"({"objects":[{"id":"new"}]})"), page("", "new")});
  const auto same = collection(server, "taxii 2026-11-22T11:00:00.000Z");
  REQUIRE(same);
  CHECK(same->is_unchanged);
  CHECK_THAT(server.asked()[0], Catch::Contains("added_after=2026-11-22T11%3A00%3A00.000Z"));
  const auto more = collection(server, "taxii 2026-11-22T11:00:00.000Z");
  REQUIRE(more);
  CHECK(ids(more->body) == std::vector<std::string>{"new"});
}

TEST_CASE("a TAXII server cannot keep us for ever", "[ioc][fetch][taxii]") {
  SECTION("the same mark again") {
    const std::string again = page(R"(,"more":true,"next":"x")", "one");
    Server server({again, again, again, again});
    CHECK_FALSE(collection(server));
    CHECK(server.asked().size() == 2);
  }
  SECTION("more, but no mark") {
    Server server({page(R"(,"more":true)", "one")});
    CHECK_FALSE(collection(server));
  }
  SECTION("empty pages") {
    std::deque<std::string> script;
    for (int i = 0; i < 10; ++i) {
      script.push_back(
          answer("200 OK", "", R"({"objects":[],"more":true,"next":")" + std::to_string(i) + R"("})"));
    }
    Server server(script);
    CHECK_FALSE(collection(server));
    CHECK(server.asked().size() == 3);
  }
  SECTION("no envelope") {
    Server server({answer("200 OK", "", "<html>")});
    CHECK_THAT(collection(server).error().message, Catch::Contains("no TAXII envelope"));
  }
  SECTION("without end, downwards") {
    Server server({answer("200 OK", "", std::string(1'000'000, '['))});
    CHECK_FALSE(collection(server));
  }
}

}  // namespace cenote::fetch_test
