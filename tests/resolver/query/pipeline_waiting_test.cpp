// What becomes of queries that wait: each gets one reply, and is judged by what is in force when it comes.
#include <atomic>

#include <catch2/catch.hpp>

#include "resolver/query/pipeline.h"
#include "tests/support/fake_snapshot.h"
#include "tests/support/served_pipeline.h"
#include "tests/support/shifted_clock.h"

namespace cenote::pipeline_waiting_test {
using namespace cenote::test;

namespace {

// Counts what it was promised and what came.
class Client final : public ReplySink {
 public:
  explicit Client(ServedPipeline& served) : served_(served) {}
  ~Client() = default;

  // The answer that came at once; empty: none, or one that follows.
  Wire ask(const std::string& name, const char* address = "10.0.0.5", uint16_t type = rrtype::kA) {
    Wire buffer = query(name, type);
    const size_t size = buffer.size();
    buffer.resize(65535);
    served_.on_loop([&] {
      ReplyPath path;
      path.sink = this;
      path.transport = Transport::kTcp;
      path.peer.client = SocketAddress(*IpAddress::from_text(address), 4321);
      const uint64_t promised = served_.pipeline().promised();
      buffer.resize(served_.pipeline().on_message(path, buffer, size));
      promised_ += served_.pipeline().promised() - promised;
    });
    return buffer;
  }
  // Has each promise been kept, and no more come than was promised?
  bool has_all() {
    return served_.becomes([&] { return replies_ == promised_; }) && replies_ == promised_;
  }
  [[nodiscard]] uint64_t promised() const { return promised_; }
  [[nodiscard]] uint64_t silences() const { return silences_; }
  Message last() {
    const std::lock_guard lock(mutex_);
    return read(last_);
  }

 private:
  void reply(const ReplyPath&, Bytes message) noexcept override {
    const std::lock_guard lock(mutex_);
    last_.assign(message.begin(), message.end());
    silences_ += message.empty() ? 1 : 0;
    ++replies_;
  }
  ServedPipeline& served_;
  std::mutex mutex_;
  Wire last_;
  std::atomic<uint64_t> promised_{0};
  std::atomic<uint64_t> replies_{0};
  std::atomic<uint64_t> silences_{0};
};

struct Fixture {
  ServedPipeline served;
  Client client{served};
  std::atomic<bool> may_answer{false};

  void list(std::vector<Listed> listed, uint64_t generation = 1) {
    served.on_loop(
        [&] { served.policy().adopt(std::make_shared<FakeSnapshot>(std::move(listed), generation)); });
  }
  // As a worker does when its configuration is read again.
  void reload(const PolicySettings& settings) {
    served.on_loop([&] {
      Policy renewed(settings);
      renewed.adopt(served.policy().share());
      served.policy() = std::move(renewed);
      served.pipeline().reload({{}, {}});
    });
  }
  // The upstream answers when it may, and not before.
  void hold_back(ScriptedUpstream::Script script = ScriptedUpstream::default_script) {
    served.upstream.set([this, script = std::move(script)](const Wire& asked, bool over_tcp) {
      served.becomes([this] { return may_answer.load(); });
      return script(asked, over_tcp);
    });
  }
};

GroupSettings group(const std::string& name, const char* from, Action malware) {
  return {name, {*Prefix::from_text(from)}, {}, {{"malware", malware}}};
}

// Of which the last has clients here.
PolicySettings three_groups() {
  PolicySettings grouped;
  for (const char* name : {"one", "two", "three"}) {
    grouped.clients.groups.push_back(group(name, "10.9.0.0/16", Action::kSinkhole));
  }
  grouped.clients.groups.back().from = {*Prefix::from_text("10.0.0.0/24")};
  return grouped;
}

std::vector<Wire> silence(const Wire&, bool) {
  return {};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a client whose group has gone while it waited is judged without one",
                 "[query][groups]") {
  PolicySettings grouped = three_groups();
  Listed watched;
  watched.what = "watch.example";
  watched.action = Action::kMonitor;
  list({watched});
  reload(grouped);
  hold_back();
  // Two that wait for one question: of the last group, and of none.
  grouped.clients.groups.back().actions = {{"malware", Action::kMonitor}};
  reload(grouped);
  CHECK(client.ask("slow.watch.example", "10.0.0.7").empty());
  CHECK(client.ask("slow.watch.example", "10.1.0.7").empty());
  reload({});
  may_answer = true;
  REQUIRE(client.has_all());
  CHECK(client.promised() == 2);
  CHECK(client.last().answers.size() == 1);
}

TEST_CASE_METHOD(Fixture,
                 "before the end of a chain is asked for, clients are judged by their groups of today",
                 "[query][groups][chains]") {
  const PolicySettings grouped = three_groups();
  Listed watched;
  watched.what = "hop.example";
  watched.action = Action::kMonitor;
  list({watched});
  reload(grouped);
  hold_back([](const Wire& asked, bool over_tcp) {
    return read(asked).question_name == "slow.example"
               ? std::vector<Wire>{Reply(asked).answer("slow.example. 60 IN CNAME hop.example.").wire()}
               : ScriptedUpstream::default_script(asked, over_tcp);
  });
  CHECK(client.ask("slow.example", "10.0.0.7").empty());
  reload({});
  may_answer = true;
  CHECK(client.has_all());
  CHECK(client.last().answers ==
        std::vector<std::string>{"slow.example. 60 IN CNAME hop.example.", "hop.example. 60 IN A 192.0.2.1"});
}

TEST_CASE_METHOD(Fixture, "nobody asks for a blocked end of a chain, and each client learns what stopped it",
                 "[query][chains]") {
  Listed blocked;
  blocked.what = "c2.example";
  blocked.action = Action::kNxdomain;
  list({blocked});
  served.upstream.set([](const Wire& asked, bool over_tcp) {
    return read(asked).question_name == "www.example"
               ? std::vector<Wire>{Reply(asked).answer("www.example. 60 IN CNAME c2.example.").wire()}
               : ScriptedUpstream::default_script(asked, over_tcp);
  });
  CHECK(client.ask("www.example").empty());
  CHECK(client.has_all());
  CHECK(Rcode{client.last().rcode} == Rcode::kNxDomain);
  CHECK(served.upstream.queries() == 1);
}

TEST_CASE_METHOD(Fixture, "a client that waits is judged by its group of today, whatever place that has",
                 "[query][groups]") {
  const GroupSettings lax = group("lax", "10.0.0.0/24", Action::kMonitor);
  const GroupSettings strict = group("strict", "10.1.0.0/24", Action::kNxdomain);
  PolicySettings settings;
  settings.clients.groups = {lax, strict};
  Listed watched;
  watched.what = "watch.example";
  watched.action = Action::kMonitor;
  list({watched});
  reload(settings);
  hold_back();
  CHECK(client.ask("slow.watch.example", "10.0.0.7").empty());
  settings.clients.groups = {strict, lax};
  reload(settings);
  may_answer = true;
  REQUIRE(client.has_all());
  CHECK(client.last().answers.size() == 1);
}

TEST_CASE_METHOD(Fixture, "an answer that policy meets with silence ends the wait of all who wait for it",
                 "[query][waiting]") {
  Listed dropped;
  dropped.what = "drop.example";
  dropped.action = Action::kDrop;
  list({dropped});
  hold_back([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("a.good.example. 60 IN CNAME x.drop.example.")
                                 .answer("x.drop.example. 60 IN A 192.0.2.1")
                                 .wire()};
  });
  for (int i = 0; i < 5; ++i) {
    CHECK(client.ask("a.good.example").empty());
  }
  may_answer = true;
  CHECK(client.has_all());
  CHECK(client.promised() == 5);
  CHECK(client.silences() == 5);
  CHECK(client.ask("a.good.example").empty());  // from the cache: at once, so nothing was promised
  CHECK(client.promised() == 5);
}

TEST_CASE_METHOD(Fixture, "each query that waits gets one reply, however its question ends",
                 "[query][waiting]") {
  Listed dropped;
  dropped.what = "drop.example";
  dropped.action = Action::kDrop;
  list({dropped});
  // By the first label: how the upstream answers.
  served.upstream.set([](const Wire& asked, bool over_tcp) {
    const std::string name = read(asked).question_name;
    const std::string owner = name + (name.ends_with('.') ? "" : ".");
    Reply reply(asked);
    if (name.starts_with("silent")) {
      return std::vector<Wire>{};
    }
    if (name.starts_with("fails")) {
      return std::vector<Wire>{reply.rcode(Rcode::kServFail).wire()};
    }
    if (name.starts_with("cut") && !over_tcp) {
      return std::vector<Wire>{reply.truncated().wire()};
    }
    if (name.starts_with("broken")) {
      return std::vector<Wire>{reply.answer(owner + " 60 IN CNAME " + owner).wire()};
    }
    if (name.starts_with("listed")) {
      return std::vector<Wire>{reply.answer(owner + " 60 IN CNAME a.drop.example.").wire()};
    }
    if (name.starts_with("inner")) {
      return std::vector<Wire>{reply.answer(owner + " 60 IN A 10.0.0.1").wire()};
    }
    return std::vector<Wire>{reply.answer(owner + " 1 IN A 192.0.2.1").wire()};
  });
  RebindingSettings guard;
  guard.guard = RebindingSettings::Guard::kOn;
  served.on_loop([&] { served.pipeline().reload({{}, {.client_waiting = 20}, guard}); });
  const auto ask_all = [&] {
    for (const char* name : {"good", "silent", "fails", "cut", "broken", "listed", "inner"}) {
      for (int i = 0; i < 3; ++i) {
        client.ask(name + std::string(".end.example"));
      }
    }
    for (int i = 0; i < 25; ++i) {  // more than may wait: the rest is refused at once
      client.ask("silent" + std::to_string(i) + ".end.example", "10.0.0.6");
    }
    client.ask("pushed.end.example", "10.0.0.8");
  };
  const auto pass = [&](milliseconds much) {
    pass_time(much);
    served.on_loop([] {});
    served.on_loop([] {});
  };
  ask_all();
  Listed pushed = dropped;
  pushed.what = "pushed.end.example";
  list({dropped, pushed}, 2);  // policy of today drops what waits
  pass(milliseconds{5000});
  CHECK(client.has_all());
  ask_all();  // what is stale by now helps out where the upstream is silent
  served.upstream.set(silence);
  pass(milliseconds{2000});
  ask_all();
  for (int i = 0; i < 4; ++i) {
    pass(milliseconds{2000});
  }
  CHECK(client.has_all());
  CHECK(served.waiting() == 0);
  CHECK(client.promised() > 60);
}

TEST_CASE_METHOD(Fixture, "what upstreams say that were replaced meanwhile is guarded by their own zone",
                 "[query][rebinding]") {
  hold_back([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked).answer("www.corp.example. 60 IN A 10.1.2.3").wire()};
  });
  const auto zone = [&](const char* name) {
    UpstreamServer server;
    server.address = served.upstream.address();
    UpstreamZone made;
    made.zone = *Name::from_text(name);
    made.servers.push_back(server);
    return made;
  };
  RebindingSettings guard;
  guard.guard = RebindingSettings::Guard::kOn;
  const bool is_inner = GENERATE(true, false);
  // Before, zone 0 is the inner one or the root; afterwards it is the other one.
  const UpstreamSettings with_inner{{zone("corp.example"), zone(".")}};
  const UpstreamSettings root_alone{{zone(".")}};
  Random random;
  std::unique_ptr<Forwarder> old;
  std::unique_ptr<Forwarder> renewed;
  UpstreamSettings before;
  uint32_t last_zone = 10;
  const auto connect = [&](std::unique_ptr<Forwarder>& forwarder, UpstreamSettings settings) {
    number_zones(settings, before, last_zone);
    before = settings;
    served.on_loop([&] {
      forwarder = Forwarder::make(served.loop(), settings, random, served.pipeline().resolution_events());
      served.pipeline().connect(*forwarder);
      served.pipeline().reload({{}, {}, guard});
    });
  };
  connect(old, is_inner ? with_inner : root_alone);
  CHECK(client.ask("www.corp.example").empty());
  connect(renewed, is_inner ? root_alone : with_inner);
  may_answer = true;
  REQUIRE(client.has_all());
  CHECK(client.last().answers.size() == (is_inner ? 1 : 0));
  served.on_loop([&] {  // on the thread that their timers belong to
    old.reset();
    renewed.reset();
  });
}

TEST_CASE_METHOD(Fixture, "what is stale of replaced upstreams is withheld as it was then",
                 "[query][waiting]") {
  may_answer = true;
  served.upstream.set([this](const Wire& asked, bool) {
    return may_answer ? std::vector<Wire>{Reply(asked).answer("www.evil.example. 1 IN A 10.1.2.3").wire()}
                      : std::vector<Wire>{};
  });
  RebindingSettings guard;
  guard.guard = RebindingSettings::Guard::kOn;
  Random random;
  std::vector<std::unique_ptr<Forwarder>> forwarders;
  uint32_t number = 10;
  const auto connect = [&] {
    UpstreamServer server;
    server.address = served.upstream.address();
    UpstreamZone root;
    root.servers.push_back(server);
    root.number = ++number;  // as if its servers were others
    served.on_loop([&] {
      forwarders.push_back(
          Forwarder::make(served.loop(), {{root}}, random, served.pipeline().resolution_events()));
      served.pipeline().connect(*forwarders.back());
      served.pipeline().reload({{}, {}, guard});
    });
  };
  connect();
  CHECK(client.ask("www.evil.example").empty());
  REQUIRE(client.has_all());
  CHECK(client.last().answers.empty());  // withheld
  pass_time(seconds{3});
  may_answer = false;
  CHECK(client.ask("www.evil.example").empty());
  connect();
  SECTION("its question takes long") {
    pass_time(milliseconds{1900});
  }
  SECTION("its question fails") {
    pass_time(seconds{6});
  }
  REQUIRE(client.has_all());
  CHECK(client.last().answers.empty());
  served.on_loop([&] { forwarders.clear(); });  // on the thread that their timers belong to
}

}  // namespace cenote::pipeline_waiting_test
