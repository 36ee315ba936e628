// The real binary over DNS over TLS and DNS over HTTPS, as clients speak to it.
#include <csignal>
#include <functional>
#include <thread>

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "resolver/base/base64.h"
#include "resolver/net/frame.h"
#include "resolver/net/loop.h"
#include "resolver/net/stream.h"
#include "resolver/net/tls.h"
#include "tests/support/cenote_process.h"
#include "tests/support/test_certificate.h"

namespace cenote::encrypted_test {
using namespace cenote::test;

namespace {

constexpr const char* kFeed =
    "  - {name: list, source: \"file:list.txt\", scope: suffix, category: c2, refresh: 1s}\n";

struct Site {
  uint16_t dot_port = free_port();
  uint16_t doh_port = free_port();
  TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess cenote{folder, {.feeds = kFeed}, &upstream};

  explicit Site(const std::string& tls = "") {
    folder.write("list.txt", "c2.evil-sample.test\n");
    std::string config = folder.read("cenote.yaml");
    const std::string more = "listen:\n  dot: [\"127.0.0.1:" + std::to_string(dot_port) +
                             "\"]\n  doh: [\"127.0.0.1:" + std::to_string(doh_port) + "\"]\n";
    config.replace(config.find("listen:\n"), 8, more);
    folder.write("cenote.yaml", config + tls);
  }
  void start() {
    const bool started = cenote.start();
    INFO(cenote.output());
    REQUIRE(started);
  }
  // curl, as a client that knows nothing of us.
  std::string curl(const std::string& arguments) const {
    const std::string command =
        "curl -s -k -m 10 -D " + (folder / "head") + " " + arguments + " -o " + (folder / "body") + " 2>&1";
    CHECK(std::system(command.c_str()) == 0);
    return folder.read("body");
  }
  [[nodiscard]] std::string url() const {
    return "https://127.0.0.1:" + std::to_string(doh_port) + "/dns-query";
  }
};

// Asks over TLS with a pinned key; the session is open for as long as this lives.
class TlsClient final : public StreamEvents {
 public:
  TlsClient(uint16_t port, const std::string& pin) {
    auto context = TlsContext::client({"", "", {pin}, {"dot"}});
    REQUIRE(context);
    context_ = std::make_unique<TlsContext>(std::move(*context));
    stream_ = Stream::connect(loop_, loopback(port));
    stream_->start(*this, context_->connect());
  }
  std::optional<Message> ask(const Wire& query) {
    answer_.reset();
    CHECK(stream_->send(framed(query)));
    Timer limit(loop_, [this] { loop_.stop(); });
    limit.start(seconds{10});
    loop_.run();
    return answer_;
  }

 private:
  void on_bytes(Bytes bytes) override {
    frames_.feed(bytes);
    while (const auto message = frames_.next()) {
      answer_ = read(*message);
      loop_.stop();
    }
  }
  void on_closed(StreamEnd, std::string_view) override { loop_.stop(); }

  Loop loop_;
  std::unique_ptr<TlsContext> context_;
  std::unique_ptr<Stream> stream_;
  FrameReader frames_;
  std::optional<Message> answer_;
};

bool becomes(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{10000};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(milliseconds{20});
  }
  return true;
}

// Does the handshake succeed, and does HTTP answer?
bool run_curl(const std::string& arguments) {
  return std::system(("curl -s -k -m 10 -o /dev/null " + arguments).c_str()) == 0;
}

std::string logged_pin(const std::string& output) {
  const size_t at = output.find("pin-sha256=");
  return at == std::string::npos ? "" : output.substr(at + 11, 44);
}

}  // namespace

TEST_CASE("RFC 7858: without a certificate DNS over TLS shows a self-signed one, and its pin is logged",
          "[system]") {
  Site site;
  site.start();
  struct stat status {};
  REQUIRE(stat((site.folder / "state/dns.key").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  TlsClient client(site.dot_port, logged_pin(site.cenote.output()));
  for (const char* name : {"www.example.com", "c2.evil-sample.test"}) {
    const auto answer = client.ask(query(name, rrtype::kA));
    REQUIRE(answer);
    CHECK(answer->answers.size() == 1);
  }
}

TEST_CASE("a missing certificate is warned about with its place", "[system]") {
  const Site site;
  const Ran ran = run_cenote({"check", "--config", site.cenote.config()});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out.find("cenote.yaml:3:8: warning: ") != std::string::npos);
}

TEST_CASE("SIGHUP takes a renewed certificate and ends no connection", "[system]") {
  const TestCertificate old_pair = make_certificate("DNS:dns.example.test");
  const TestCertificate new_pair = make_certificate("DNS:dns.example.test");
  const CertificateFiles old_files(old_pair);
  const CertificateFiles new_files(new_pair);
  Site site("tls: {certificate: " + old_files.certificate() + ", key: " + old_files.key() + "}\n");
  site.start();
  TlsClient before(site.dot_port, old_pair.spki_pin());
  REQUIRE(before.ask(query("a.example.com", rrtype::kA)));
  namespace fs = std::filesystem;
  fs::copy_file(new_files.certificate(), old_files.certificate(), fs::copy_options::overwrite_existing);
  fs::copy_file(new_files.key(), old_files.key(), fs::copy_options::overwrite_existing);
  site.cenote.signal(SIGHUP);
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{10000};
  bool renewed = false;
  while (!renewed && std::chrono::steady_clock::now() < deadline) {
    renewed =
        TlsClient(site.dot_port, new_pair.spki_pin()).ask(query("b.example.com", rrtype::kA)).has_value();
  }
  CHECK(renewed);
  CHECK(before.ask(query("c.example.com", rrtype::kA)));
}

TEST_CASE("a reload takes another certificate and client CA of the control API, and no bad ones",
          "[system]") {
  const TestCertificate old_pair = make_certificate("DNS:control.example.test");
  const TestCertificate new_pair = make_certificate("DNS:control.example.test");
  const TestCertificate admin = make_certificate("DNS:admin.example.test");
  const CertificateFiles old_files(old_pair);
  const CertificateFiles new_files(new_pair);
  const CertificateFiles admin_files(admin);
  const std::string port = std::to_string(free_port());
  Site site;
  const std::string config = site.folder.read("cenote.yaml");
  const auto configure = [&](const std::string& tls) {
    std::string made = config;
    made.insert(made.find("control:\n") + 9, "  https: [\"127.0.0.1:" + port + "\"]\n  tls: {" + tls + "}\n");
    site.folder.write("cenote.yaml", made);
  };
  const auto reaches = [&](const TestCertificate& pair, const std::string& more = "") {
    return run_curl("--pinnedpubkey sha256//" + pair.spki_pin() + " " + more + " https://127.0.0.1:" + port +
                    "/v1/status");
  };
  const auto reload = [&](const std::string& expected) {
    const size_t before = site.cenote.output().size();
    site.cenote.signal(SIGHUP);
    const auto deadline = std::chrono::steady_clock::now() + milliseconds{10000};
    while (site.cenote.output().find(expected, before) == std::string::npos &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds{20});
    }
    return site.cenote.output().substr(before);
  };
  const std::string admin_pair = "--cert " + admin_files.certificate() + " --key " + admin_files.key();
  configure("certificate: " + old_files.certificate() + ", key: " + old_files.key());
  site.start();
  REQUIRE(reaches(old_pair));
  configure("certificate: " + new_files.certificate() + ", key: " + new_files.key() +
            ", client_ca: " + admin_files.certificate());
  CHECK(reload("configuration read again").find("next start") == std::string::npos);
  CHECK(becomes([&] { return reaches(new_pair, admin_pair); }));
  CHECK_FALSE(reaches(new_pair));
  CHECK_FALSE(reaches(old_pair, admin_pair));
  configure("certificate: " + new_files.certificate() + ", key: " + old_files.key());
  CHECK(reload("the certificate stays as it was").find("control.tls: key") != std::string::npos);
  CHECK(reaches(new_pair, admin_pair));
  CHECK_FALSE(reaches(new_pair));
}

TEST_CASE("RFC 8484: curl is answered by POST and GET, over HTTP/2 and HTTP/1.1", "[system]") {
  Site site;
  site.start();
  const Wire asked = query("c2.evil-sample.test", rrtype::kA, {.id = 0});
  site.folder.write("query", std::string(asked.begin(), asked.end()));
  for (const std::string version : {"--http2", "--http1.1"}) {
    const std::string expected = version == "--http2" ? "HTTP/2 200" : "HTTP/1.1 200";
    const std::string posted =
        site.curl(version + " -H 'content-type: application/dns-message' --data-binary @" +
                  (site.folder / "query") + " " + site.url());
    CHECK(site.folder.read("head").starts_with(expected));
    CHECK(read(as_bytes(posted)).ede == 15);
    const std::string got = site.curl(version + " '" + site.url() + "?dns=" + encode_base64url(asked) + "'");
    CHECK(site.folder.read("head").starts_with(expected));
    CHECK(read(as_bytes(got)).answers.size() == 1);
  }
  CHECK(site.folder.read("head").find("max-age=10") != std::string::npos);
}

TEST_CASE("one Cenote asks another over TLS and HTTPS, and not one that shows another key", "[system]") {
  Site far;
  far.start();
  const std::string pin = "#pin-sha256=" + logged_pin(far.cenote.output());
  const std::string other = "#pin-sha256=" + std::string(43, 'A') + "=";
  for (const auto& [server, answers] :
       {std::pair("tls://127.0.0.1:" + std::to_string(far.dot_port) + pin, size_t{1}),
        std::pair("https://127.0.0.1:" + std::to_string(far.doh_port) + "/dns-query" + pin, size_t{1}),
        std::pair("https://127.0.0.1:" + std::to_string(far.doh_port) + "/dns-query" + other, size_t{0})}) {
    const TemporaryFolder folder;
    CenoteProcess near(folder, {.feeds = "", .upstream = "[\"" + server + "\"]"}, nullptr);
    REQUIRE(near.start());
    const Message answer = near.ask("www.example.com", rrtype::kA);
    CAPTURE(server);
    REQUIRE(answer.ok);
    CHECK(answer.answers.size() == answers);
    CHECK(answer.rcode == (answers == 1 ? 0 : 2));
  }
}

TEST_CASE("RFC 9462: clients of plain DNS are told where encrypted DNS is", "[system]") {
  Site site;
  std::string config = site.folder.read("cenote.yaml");
  site.folder.write("cenote.yaml", config + "tls: {name: dns.corp.example}\n");
  site.start();
  const Message answer = site.cenote.ask("_dns.resolver.arpa", rrtype::kSvcb);
  REQUIRE(answer.answers.size() == 2);
  const std::string dot = std::to_string(site.dot_port);
  const std::string doh = std::to_string(site.doh_port);
  CHECK(answer.answers[0] ==
        "_dns.resolver.arpa. 300 IN SVCB 1 dns.corp.example. alpn=dot port=" + dot + " ipv4hint=127.0.0.1");
  CHECK(answer.answers[1] == "_dns.resolver.arpa. 300 IN SVCB 2 dns.corp.example. alpn=h2 port=" + doh +
                                 " ipv4hint=127.0.0.1 dohpath=/dns-query{?dns}");
  CHECK(site.upstream.queries() == 0);
}

TEST_CASE("an incident keeps its number over a restart", "[system]") {
  Site site;
  site.start();
  const std::string before = site.cenote.ask("c2.evil-sample.test", rrtype::kA).ede_text;
  site.cenote.signal(SIGTERM);
  CHECK(site.cenote.wait_for_exit() == 0);
  site.start();
  CHECK(site.cenote.ask("c2.evil-sample.test", rrtype::kA).ede_text == before);
  CHECK(before.find("incident") != std::string::npos);
}

TEST_CASE("the page explains what is blocked for a client by its name alone", "[system]") {
  Site site(
      "clients:\n  names_by_path: true\n  groups:\n"
      "    - {name: here, from: 127.0.0.0/8, actions: {c2: monitor}}\n"
      "    - {name: kiosks, names: [kiosk-7], actions: {c2: sinkhole}}\n");
  site.start();
  const std::string head = "GET / HTTP/1.1\r\nHost: c2.evil-sample.test\r\n";
  CHECK_FALSE(site.cenote.ask("c2.evil-sample.test", rrtype::kA).ede);
  CHECK(http(site.cenote.page(), head).status == 421);
  const Wire asked = query("c2.evil-sample.test", rrtype::kA, {.id = 0});
  const std::string answer = site.curl("'" + site.url() + "/kiosk-7?dns=" + encode_base64url(asked) + "'");
  CHECK(read(as_bytes(answer)).ede == 15);
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{10000};
  HttpAnswer page;
  while (page.status != 403 && std::chrono::steady_clock::now() < deadline) {
    page = http(site.cenote.page(), head);  // the hit is recorded a moment after the answer
  }
  CHECK(page.status == 403);
  CHECK(site.cenote.command({"hits", "--client-name", "kiosk-7"}).out.find("127.0.0.1 kiosk-7") !=
        std::string::npos);
}

TEST_CASE("an empty events.file means no file", "[system]") {
  Site site;
  std::string config = site.folder.read("cenote.yaml");
  const size_t at = config.find("events: {file: ");
  config.replace(at, config.find('\n', at) - at, "events: {file: \"\"}");
  site.folder.write("cenote.yaml", config);
  site.start();
  CHECK(site.cenote.ask("c2.evil-sample.test", rrtype::kA).ede == 15);
  CHECK(site.cenote.command({"hits"}).out.find("c2.evil-sample.test") != std::string::npos);
}

TEST_CASE("the greeting names what listens and nothing else", "[system]") {
  Site site;
  std::string config = site.folder.read("cenote.yaml");
  const size_t at = config.find("  dns: [");
  config.replace(at, config.find('\n', at) - at, "  dns: []");
  site.folder.write("cenote.yaml", config);
  site.start();
  CHECK(site.cenote.output().find("UDP and TCP") == std::string::npos);
  CHECK(site.cenote.output().find("DNS on TLS") != std::string::npos);
  CHECK(site.cenote.output().find("/dns-query") != std::string::npos);
}

}  // namespace cenote::encrypted_test
