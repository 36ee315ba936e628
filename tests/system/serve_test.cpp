// The real binary on loopback: the main job, from the datagram to the page.
#include <atomic>
#include <csignal>

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/cenote_process.h"

namespace cenote::serve_test {
using namespace cenote::test;
using nlohmann::json;

namespace {

constexpr const char* kListFeed =
    "  - {name: list, source: \"file:list.txt\", scope: suffix, category: c2, refresh: 1s, threat: \"Test "
    "family\"}\n"
    "  - {name: pushed, source: push, scope: suffix, category: phishing}\n";

// A folder with a feed file, an upstream and a running server.
struct Site {
  TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess cenote;

  explicit Site(const std::string& list = "c2.evil-sample.test\n",
                const CenoteProcess::Options& options = {kListFeed})
      : cenote(folder, options, &upstream) {
    folder.write("list.txt", list);
    const bool started = cenote.start();
    INFO(cenote.output());
    REQUIRE(started);
  }
};

std::string incident_of(const Message& answer) {
  const size_t at = answer.ede_text.find("incident ");
  return at == std::string::npos ? "" : answer.ede_text.substr(at + 9, 11);
}

json line_json(const std::string& text) {
  const size_t start = text.find('{');
  return start == std::string::npos ? json() : json::parse(text.substr(start), nullptr, false);
}

// Asks for an unlisted name without pause until told to stop; counts what was lost.
class Load {
 public:
  explicit Load(const SocketAddress& server)
      : thread_([this, server] {
          while (!stop_) {
            ++asked;
            const auto answer =
                test::ask(server, query("steady.example.com", rrtype::kA), milliseconds{5000});
            lost += !answer || read(*answer).answers.size() != 1 ? 1 : 0;
          }
        }) {}
  ~Load() { finish(); }
  void finish() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  std::atomic<unsigned> asked{0};
  std::atomic<unsigned> lost{0};

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a listed name is answered with the sinkhole and nobody upstream hears of it", "[system]") {
  const Site site;
  for (const char* name : {"c2.evil-sample.test", "deep.below.C2.Evil-Sample.test"}) {
    const Message answer = site.cenote.ask(name, rrtype::kA);
    REQUIRE(answer.ok);
    CHECK(answer.rcode == 0);
    CHECK(answer.question_name == name);
    REQUIRE(answer.answers.size() == 1);
    CHECK(answer.answers[0].ends_with("10 IN A 127.0.0.9"));
    CHECK(answer.ede == 15);
    CHECK(incident_of(answer).size() == 11);
  }
  CHECK(site.upstream.queries() == 0);
}

TEST_CASE("an unlisted name is resolved over UDP and TCP, and cached", "[system]") {
  const Site site;
  const Message over_udp = site.cenote.ask("www.example.com", rrtype::kA);
  REQUIRE(over_udp.answers.size() == 1);
  CHECK(over_udp.answers[0].ends_with("IN A 192.0.2.1"));
  CHECK_FALSE(over_udp.ede);
  const auto over_tcp = ask_tcp(site.cenote.dns(), query("www.example.com", rrtype::kA));
  REQUIRE(over_tcp);
  CHECK(read(*over_tcp).answers.size() == 1);
}

TEST_CASE("two questions on one connection are both answered, whatever order they are ready in", "[system]") {
  Site site;
  site.upstream.set([](const Wire& asked, bool over_tcp) {
    if (read(asked).question_name.starts_with("slow")) {
      std::this_thread::sleep_for(milliseconds{200});
    }
    return ScriptedUpstream::default_script(asked, over_tcp);
  });
  const Descriptor client = connect_tcp(site.cenote.dns());
  Wire both = framed(query("slow.example.com", rrtype::kA, {.id = 1}));
  const Wire second = framed(query("c2.evil-sample.test", rrtype::kA, {.id = 2}));
  both.insert(both.end(), second.begin(), second.end());
  // In two pieces that cut the first length field apart.
  REQUIRE(send_all(client.get(), Bytes(both).first(1)));
  std::this_thread::sleep_for(milliseconds{20});
  REQUIRE(send_all(client.get(), Bytes(both).subspan(1)));
  const auto first_answer = read_frame(client.get());
  const auto second_answer = read_frame(client.get());
  REQUIRE(first_answer);
  REQUIRE(second_answer);
  CHECK(read(*first_answer).id == 2);
  CHECK(read(*second_answer).id == 1);
}

TEST_CASE("on a wildcard bind the answer leaves from the address that was asked", "[system]") {
  const Site site("c2.evil-sample.test\n", {.feeds = kListFeed, .dns_host = "0.0.0.0"});
  const SocketAddress odd(IpAddress::v4({127, 0, 0, 55}), site.cenote.dns().port());
  CHECK(test::ask(odd, query("c2.evil-sample.test", rrtype::kA)));  // ask() refuses an answer from elsewhere
  CHECK(test::ask(odd, query("www.example.com", rrtype::kA)));  // also one that had to wait for an upstream
}

TEST_CASE("a line added to the feed file is enforced within a second and no query is lost", "[system]") {
  Site site;
  Load load(site.cenote.dns());
  REQUIRE(site.cenote.ask("new.evil-sample.test", rrtype::kA).answers.size() == 1);
  CHECK_FALSE(site.cenote.ask("new.evil-sample.test", rrtype::kA).ede);
  site.folder.write("list.txt", "c2.evil-sample.test\nnew.evil-sample.test\n");
  CHECK(site.cenote.becomes_blocked("new.evil-sample.test"));
  site.folder.write("list.txt", "c2.evil-sample.test\n");
  CHECK(site.cenote.becomes_free("new.evil-sample.test"));
  load.finish();
  CHECK(load.asked > 0);
  CHECK(load.lost == 0);
}

TEST_CASE("SIGHUP reads the configuration again, and a broken one changes nothing", "[system]") {
  Site site;
  const std::string good = site.folder.read("cenote.yaml");
  site.folder.write("cenote.yaml", good + "exceptions:\n  - {name: c2.evil-sample.test, reason: test}\n");
  site.cenote.signal(SIGHUP);
  CHECK(site.cenote.becomes_free("c2.evil-sample.test"));
  site.folder.write("cenote.yaml", good + "lissten: {}\n");
  site.cenote.signal(SIGHUP);
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{5000};
  while (site.cenote.output().find("everything stays as it was") == std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds{20});
  }
  CHECK(site.cenote.output().find("did you mean 'listen'") != std::string::npos);
  CHECK_FALSE(site.cenote.ask("c2.evil-sample.test", rrtype::kA).ede);
}

TEST_CASE("an acknowledged push is enforced at once and survives kill -9", "[system]") {
  Site site;
  const HttpAnswer pushed = site.cenote.api("PUT", "/v1/feeds/pushed",
                                            "bad.phish-sample.test\nnot a name!\nworse.phish-sample.test\n");
  REQUIRE(pushed.status == 200);
  json result = json::parse(pushed.body);
  CHECK(result["added"] == 2);
  CHECK(result["rejected"] == 1);
  CHECK(result["rejects"][0]["line"] == 2);
  CHECK(site.cenote.becomes_blocked("bad.phish-sample.test", milliseconds{1000}));
  site.cenote.signal(SIGKILL);
  CHECK(site.cenote.wait_for_exit() == 128 + SIGKILL);
  REQUIRE(site.cenote.start());
  CHECK(site.cenote.ask("worse.phish-sample.test", rrtype::kA).ede ==
        15);  // under policy from the first packet
}

TEST_CASE("a push that breaks off half-way changes nothing and leaves no file", "[system]") {
  Site site;
  const std::string incoming = site.folder / "state/incoming";
  const auto settles_at = [&](long files) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (std::distance(std::filesystem::directory_iterator(incoming), {}) != files &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds{5});
    }
    return std::distance(std::filesystem::directory_iterator(incoming), {}) == files;
  };
  REQUIRE(site.cenote.api("PUT", "/v1/feeds/pushed", "bad.phish-sample.test\n").status == 200);
  const uint64_t before = json::parse(site.cenote.api("GET", "/v1/status").body)["generation"];
  {
    const Descriptor client = connect_unix(site.cenote.socket());
    REQUIRE(client.get() >= 0);
    REQUIRE(send_all(client.get(), as_bytes("PUT /v1/feeds/pushed HTTP/1.1\r\nHost: localhost\r\n"
                                            "Content-Length: 100000\r\n\r\nother.phish-sample.test\n")));
    CHECK(settles_at(1));
  }
  CHECK(settles_at(0));
  CHECK(json::parse(site.cenote.api("GET", "/v1/status").body)["generation"] == before);
  CHECK_FALSE(site.cenote.ask("other.phish-sample.test", rrtype::kA).ede);
  CHECK(site.cenote.ask("bad.phish-sample.test", rrtype::kA).ede == 15);
}

TEST_CASE("a list of some megabytes goes from a file through the command line into force", "[system]") {
  Site site;
  std::string list;
  for (int i = 0; list.size() < (5U << 20); ++i) {
    list += "host" + std::to_string(i) + ".phish-sample.test\n";
  }
  site.folder.write("large.txt", list + "last.phish-sample.test\n");
  // It is built with what a busy machine leaves.
  const Ran pushed =
      site.cenote.command({"feed", "push", "pushed", site.folder / "large.txt"}, milliseconds{90000});
  CAPTURE(pushed.out);
  CHECK(pushed.exit_code == 0);
  CHECK(pushed.out.find("being built") != std::string::npos);
  CHECK(site.cenote.ask("last.phish-sample.test", rrtype::kA).ede == 15);
  CHECK(std::filesystem::is_empty(site.folder / "state/incoming"));
}

TEST_CASE("an empty push leaves the last good list in force and says so", "[system]") {
  Site site;
  REQUIRE(site.cenote.api("PUT", "/v1/feeds/pushed", "bad.phish-sample.test\n").status == 200);
  const HttpAnswer refused = site.cenote.api("PUT", "/v1/feeds/pushed", "# nothing\n");
  CHECK(refused.status == 422);
  CHECK(refused.body.find("nothing usable") != std::string::npos);
  CHECK(site.cenote.ask("bad.phish-sample.test", rrtype::kA).ede == 15);
}

TEST_CASE("the answer, the event, the page and the command line agree on the incident", "[system]") {
  const Site site;
  const std::string incident = incident_of(site.cenote.ask("c2.evil-sample.test", rrtype::kA));
  REQUIRE(incident.size() == 11);

  const HttpAnswer page =
      http(site.cenote.page(),
           "GET / HTTP/1.1\r\nHost: c2.evil-sample.test\r\nAccept: text/html\r\nAccept-Language: en\r\n");
  CHECK(page.status == 403);
  CHECK(page.body.find(incident) != std::string::npos);
  CHECK(page.body.find("Test family") != std::string::npos);
  CHECK(page.head.find("no-store") != std::string::npos);

  const HttpAnswer data = http(
      site.cenote.page(), "GET /x HTTP/1.1\r\nHost: c2.evil-sample.test\r\nAccept: application/json\r\n");
  CHECK(json::parse(data.body).value("incident", "") == incident);

  const Ran why = site.cenote.command({"why", incident, "--json"});
  CHECK(why.exit_code == 0);
  CHECK(why.out.find("c2.evil-sample.test") != std::string::npos);

  // The page's event may stand before the question's: they come by different rings.
  std::istringstream events(site.folder.read("events.jsonl"));
  std::string line;
  while (std::getline(events, line) && line.find("\"transport\":\"udp\"") == std::string::npos) {
  }
  json event = line_json(line);
  CHECK(event["incident"] == incident);
  CHECK(event["feed"] == "list");
  CHECK(event["category"] == "c2");
  CHECK(event["action"] == "sinkhole");
  CHECK(event["type"] == "A");
}

TEST_CASE("a host that is not blocked gets no block page", "[system]") {
  const Site site;
  const HttpAnswer page =
      http(site.cenote.page(), "GET / HTTP/1.1\r\nHost: www.example.com\r\nAccept: text/html\r\n");
  CHECK(page.status == 421);
  CHECK(page.body.find("www.example.com") == std::string::npos);
}

TEST_CASE("what an answer leads to is judged too, and the page explains it", "[system]") {
  Site site;
  site.upstream.set([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("shop.example.com. 300 IN CNAME cdn.c2.evil-sample.test.")
                                 .answer("cdn.c2.evil-sample.test. 300 IN A 192.0.2.66")
                                 .wire()};
  });
  const Message answer = site.cenote.ask("shop.example.com", rrtype::kA);
  REQUIRE(answer.answers.size() == 2);
  CHECK(answer.answers[0].ends_with("IN CNAME cdn.c2.evil-sample.test."));
  CHECK(answer.answers[1].ends_with("IN A 127.0.0.9"));
  const HttpAnswer page =
      http(site.cenote.page(), "GET / HTTP/1.1\r\nHost: shop.example.com\r\nAccept: text/html\r\n");
  CHECK(page.status == 403);
  CHECK(page.body.find(incident_of(answer)) != std::string::npos);
}

TEST_CASE("a push is felt by what is cached already", "[system]") {
  Site site;
  site.upstream.set([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("shop.example.com. 300 IN CNAME cdn.phish-sample.test.")
                                 .answer("cdn.phish-sample.test. 300 IN A 192.0.2.66")
                                 .wire()};
  });
  REQUIRE(site.cenote.ask("shop.example.com", rrtype::kA).answers.size() == 2);
  const unsigned asked = site.upstream.queries();
  REQUIRE(site.cenote.api("PUT", "/v1/feeds/pushed", "cdn.phish-sample.test\n").status == 200);
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{2000};
  Message answer = site.cenote.ask("shop.example.com", rrtype::kA);
  while (!answer.ede && std::chrono::steady_clock::now() < deadline) {
    answer = site.cenote.ask("shop.example.com", rrtype::kA);
  }
  CHECK(answer.ede == 15);
  CHECK(site.upstream.queries() <= asked + 1);  // at most the other worker's own first question
}

TEST_CASE("an exception lifts a block and its removal restores it", "[system]") {
  const Site site;
  REQUIRE(site.cenote.ask("c2.evil-sample.test", rrtype::kA).ede == 15);
  const Ran allowed =
      site.cenote.command({"allow", "c2.evil-sample.test", "--for", "1h", "--reason", "a test"});
  INFO(allowed.out);
  CHECK(allowed.exit_code == 0);
  CHECK(site.cenote.becomes_free("c2.evil-sample.test"));
  CHECK(site.cenote.command({"explain", "c2.evil-sample.test"}).out.find("a test") != std::string::npos);
  CHECK(site.cenote.command({"allow", "remove", "c2.evil-sample.test"}).exit_code == 0);
  CHECK(site.cenote.becomes_blocked("c2.evil-sample.test"));
}

TEST_CASE("the commands answer as the contract says", "[system]") {
  const Site site;
  REQUIRE(site.cenote.ask("c2.evil-sample.test", rrtype::kA).ede == 15);

  json status = line_json(site.cenote.command({"status", "--json"}).out);
  CHECK(status["workers"] == 2);
  CHECK(status["names"] == 1);
  const Ran explained = site.cenote.command({"explain", "www.c2.evil-sample.test", "--json"});
  CHECK(explained.exit_code == 0);
  CHECK(line_json(explained.out)["verdict"] == "sinkhole");
  CHECK(line_json(site.cenote.command({"explain", "www.example.com", "--json"}).out)["verdict"] == "pass");
  CHECK(site.cenote.command({"hits"}).out.find("c2.evil-sample.test") != std::string::npos);
  CHECK(site.cenote.command({"feed", "list"}).out.find("list") != std::string::npos);
  CHECK(site.cenote.command({"why", "00000-00000"}).exit_code == 1);
  CHECK(site.cenote.command({"nonsense"}).exit_code == 2);
  CHECK(site.cenote.command({"feed", "push", "nosuchfeed", "/dev/null"}).exit_code == 1);

  const HttpAnswer metrics = http(site.cenote.control(), "GET /metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.body.find("cenote_hits_total{action=\"sinkhole\"} 1") != std::string::npos);
  CHECK(http(site.cenote.control(), "GET /healthz").status == 200);
  CHECK(http(site.cenote.control(), "GET /v1/status").status == 401);
}

TEST_CASE("readiness goes when the upstreams go, though nobody asks, and comes back with them", "[system]") {
  Site site;
  const auto is_ready = [&] { return http(site.cenote.control(), "GET /readyz").status == 200; };
  const auto becomes = [&](bool ready) {
    for (int i = 0; i < 300 && is_ready() != ready; ++i) {
      std::this_thread::sleep_for(milliseconds{100});
    }
    return is_ready() == ready;
  };
  CHECK(becomes(true));  // once an upstream has answered
  CHECK(site.cenote.command({"ready"}).exit_code == 0);
  site.upstream.set([](const Wire&, bool) { return std::vector<Wire>(); });
  CHECK(becomes(false));
  CHECK(http(site.cenote.control(), "GET /readyz").body.find("no upstream answers worker 1") !=
        std::string::npos);
  CHECK(http(site.cenote.control(), "GET /healthz").status == 200);
  CHECK(site.cenote.command({"ready"}).exit_code == 1);
  site.upstream.set(ScriptedUpstream::default_script);
  CHECK(becomes(true));
}

TEST_CASE("before an upstream has answered nobody is sent here", "[system]") {
  Site site;
  site.upstream.set([](const Wire&, bool) { return std::vector<Wire>(); });
  CHECK(http(site.cenote.control(), "GET /readyz").status == 503);
  CHECK(http(site.cenote.control(), "GET /healthz").status == 200);
}

TEST_CASE("SIGTERM answers what is under way and ends with 0", "[system]") {
  Site site;
  site.upstream.set([](const Wire& asked, bool over_tcp) {
    std::this_thread::sleep_for(milliseconds{400});
    return ScriptedUpstream::default_script(asked, over_tcp);
  });
  std::optional<Wire> answer;
  std::thread client([&] { answer = test::ask(site.cenote.dns(), query("late.example.com", rrtype::kA)); });
  while (site.upstream.queries() == 0) {
    std::this_thread::sleep_for(milliseconds{5});
  }
  site.cenote.signal(SIGTERM);
  client.join();
  CHECK(answer);
  CHECK(site.cenote.wait_for_exit() == 0);
}

TEST_CASE("when every upstream is gone an old answer helps out and the client is told", "[system]") {
  Site site;
  site.upstream.set([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked).answer("brief.example.com. 1 IN A 192.0.2.7").wire()};
  });
  const auto one_worker_only = query("brief.example.com", rrtype::kA);
  const Descriptor client = connect_tcp(site.cenote.dns());  // a connection stays with its worker and cache
  send_all(client.get(), framed(one_worker_only));
  REQUIRE(read_frame(client.get()));
  site.upstream.set([](const Wire&, bool) { return std::vector<Wire>{}; });
  std::this_thread::sleep_for(milliseconds{1100});  // the TTL must pass in the server's own time
  send_all(client.get(), framed(one_worker_only));
  const auto stale = read_frame(client.get(), milliseconds{8000});
  REQUIRE(stale);
  CHECK(read(*stale).answers.size() == 1);
  CHECK(read(*stale).ede == 3);
}

TEST_CASE("a storm of pushes under load loses no query", "[system][threads]") {
  Site site;
  Load first(site.cenote.dns());
  Load second(site.cenote.dns());
  constexpr int kPushes = 30;
  for (int i = 0; i < kPushes; ++i) {
    const std::string name = "n" + std::to_string(i) + ".phish-sample.test";
    REQUIRE(site.cenote.api("PUT", "/v1/feeds/pushed", name + "\n").status == 200);
    CHECK(site.cenote.becomes_blocked(name));
  }
  first.finish();
  second.finish();
  CHECK(first.asked + second.asked > kPushes);
  CHECK(first.lost + second.lost == 0);
  site.cenote.signal(SIGTERM);
  CHECK(site.cenote.wait_for_exit() == 0);
}

}  // namespace cenote::serve_test
