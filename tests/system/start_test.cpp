// What the binary says when it cannot start, and about a configuration.
#include <atomic>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/cenote_process.h"

namespace cenote::start_test {
using namespace cenote::test;

TEST_CASE("every problem of a broken configuration is named with its place, and nothing starts", "[system]") {
  const TemporaryFolder folder;
  folder.write("bad.yaml", "lissten:\n  dns: []\ncache: {size: many}\nsinkhole: {ttl: 1h}\n");
  for (const char* command : {"serve", "check"}) {
    const Ran ran = run_cenote({command, "--config", folder / "bad.yaml"});
    CAPTURE(ran.out);
    CHECK(ran.exit_code == 1);
    CHECK(ran.out.find("bad.yaml:1:1: ") != std::string::npos);
    CHECK(ran.out.find("did you mean 'listen'") != std::string::npos);
    CHECK(ran.out.find("bad.yaml:3:") != std::string::npos);
    CHECK(ran.out.find("bad.yaml:4:") != std::string::npos);
  }
}

TEST_CASE("a busy port is one clear line that names it", "[system]") {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  ScriptedUpstream upstream;
  CenoteProcess first(folder, {}, &upstream);
  REQUIRE(first.start());
  CenoteProcess second(other, {}, &upstream);
  std::string config = other.read("cenote.yaml");
  const std::string page = "http: [\"" + first.page().to_text() + "\"]";
  const size_t at = config.find("http: [");
  config.replace(at, config.find('\n', at) - at, page);
  other.write("cenote.yaml", config);
  CHECK_FALSE(second.start());
  CAPTURE(second.output());
  CHECK(second.output().find(first.page().to_text()) != std::string::npos);
  CHECK(second.output().find("in use") != std::string::npos);
}

TEST_CASE("a second start on the same state_dir ends before it has any port", "[system]") {
  const TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess first(folder, {"  - {name: list, source: \"file:list.txt\", category: c2}\n"}, &upstream);
  folder.write("list.txt", "c2.evil-sample.test\n");
  REQUIRE(first.start());
  unsigned lost = 0;
  for (int i = 0; i < 5; ++i) {
    std::atomic<bool> is_over{false};
    std::thread second([&] {
      const Ran ran = run_cenote({"serve", "--config", first.config()});
      CHECK(ran.exit_code == 1);
      CHECK(ran.out.find("another process uses this state_dir") != std::string::npos);
      is_over = true;
    });
    while (!is_over) {
      lost += first.ask("c2.evil-sample.test", rrtype::kA).ok ? 0U : 1U;
    }
    second.join();
  }
  CHECK(lost == 0);

  // A port that somebody has for himself is not even tried.
  const Descriptor taken(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress address = loopback(0);
  REQUIRE(bind(taken.get(), address.data(), address.size()) == 0);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  REQUIRE(getsockname(taken.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0);
  std::string config = folder.read("cenote.yaml");
  const std::string port = std::to_string(first.dns().port());
  config.replace(config.find(port), port.size(), std::to_string(ntohs(bound.sin_port)));
  folder.write("other.yaml", config);
  const Ran ran = run_cenote({"serve", "--config", folder / "other.yaml"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.out.find("another process uses this state_dir") != std::string::npos);
}

TEST_CASE("a missing configuration file is named", "[system]") {
  const Ran ran = run_cenote({"serve", "--config", "/nonexistent/cenote.yaml"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.out.find("/nonexistent/cenote.yaml") != std::string::npos);
}

TEST_CASE("the shipped configuration and every example are good", "[system]") {
  for (const char* file : {"conf/cenote.yaml", "conf/examples/small-site.yaml",
                           "conf/examples/enterprise.yaml", "conf/examples/dev.yaml", "docker/cenote.yaml"}) {
    const Ran ran = run_cenote({"check", "--config", std::string(CENOTE_SOURCE_DIR) + "/" + file, "--json"});
    CAPTURE(file, ran.out);
    const auto report = nlohmann::ordered_json::parse(ran.out);
    for (const auto& problem : report["problems"]) {
      // Files that a site brings itself (its CA, its lists) are not on this machine; nothing else may be
      // wrong.
      CHECK((problem["severity"] == "warning" ||
             problem["text"].get<std::string>().find("there is no file") != std::string::npos));
    }
  }
}

TEST_CASE("help and version are there for whoever looks", "[system]") {
  CHECK(run_cenote({"--help"}).out.find("explain") != std::string::npos);
  CHECK(run_cenote({"--help"}).exit_code == 0);
  CHECK(run_cenote({"--version"}).out.find("0.1.0") != std::string::npos);
  CHECK(run_cenote({}).exit_code == 2);
}

}  // namespace cenote::start_test
