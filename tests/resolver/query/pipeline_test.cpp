// What scenarios cannot say: time that passes while a question waits, and what the OPT of an answer holds.
#include "resolver/query/pipeline.h"

#include <atomic>
#include <condition_variable>

#include <catch2/catch.hpp>

#include "tests/support/fake_snapshot.h"
#include "tests/support/served_pipeline.h"
#include "tests/support/shifted_clock.h"

namespace cenote::pipeline_test {
using namespace cenote::test;

namespace {

// A client of the pipeline, by any transport.
class Client final : public ReplySink {
 public:
  explicit Client(ServedPipeline& served) : served_(served) {}
  ~Client() = default;

  // The answer, now or later; empty: silence for five seconds.
  Wire ask(const Wire& query, Transport transport = Transport::kUdp, const char* address = "10.0.0.5") {
    Wire buffer = query;
    buffer.resize(65535);
    size_t size = 0;
    served_.on_loop([&] {
      ReplyPath path;
      path.sink = this;
      path.transport = transport;
      path.keepalive =
          transport == Transport::kTcp || transport == Transport::kDot ? uint16_t{100} : uint16_t{0};
      path.peer.client = SocketAddress(*IpAddress::from_text(address), 4321);
      size = served_.pipeline().on_message(path, buffer, query.size());
    });
    if (size != 0) {
      buffer.resize(size);
      return buffer;
    }
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, seconds{5}, [&] { return !later_.empty(); });
    return std::exchange(later_, {});
  }
  Message answer(std::string_view name, uint16_t type = rrtype::kA, const QueryOptions& options = {}) {
    return read(ask(query(name, type, options)));
  }
  void pass(milliseconds much) {
    pass_time(much);
    served_.on_loop([] {});  // libuv reads the clock once a turn: this ends the one that began before
    served_.on_loop([] {});
  }

 private:
  void reply(const ReplyPath&, Bytes message) noexcept override {
    const std::lock_guard lock(mutex_);
    later_.assign(message.begin(), message.end());
    arrived_.notify_all();
  }
  ServedPipeline& served_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  Wire later_;
};

struct Fixture {
  ServedPipeline served;
  Client client{served};
};

struct TrustingFixture {
  ServedPipeline served{
      [](const Wire& asked, bool) {
        return std::vector<Wire>{
            Reply(asked).answer("www.example.com. 60 IN A 192.0.2.1").authenticated().wire()};
      },
      true};
  Client client{served};

  // The client's own AD bit; Reply and QueryOptions know only DO.
  Message ask_with_ad() {
    Wire asked = query("www.example.com", rrtype::kA);
    asked[3] |= flag::kAd;
    return read(client.ask(asked));
  }
};

// A query with one EDNS option more.
Wire with_option(uint16_t code, const Wire& data, std::string_view name = "www.example.com") {
  Wire made = query(name, rrtype::kA);
  const size_t length_at = made.size() - 2;
  const Wire option{static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code),
                    static_cast<uint8_t>(data.size() >> 8), static_cast<uint8_t>(data.size())};
  made.insert(made.end(), option.begin(), option.end());
  made.insert(made.end(), data.begin(), data.end());
  made[length_at] = static_cast<uint8_t>((4 + data.size()) >> 8);
  made[length_at + 1] = static_cast<uint8_t>(4 + data.size());
  return made;
}

std::optional<Wire> option_of(const Wire& answer, uint16_t code) {
  const auto value = find_edns_option(answer, code);
  return value ? std::optional(Wire(value->begin(), value->end())) : std::nullopt;
}

std::vector<Wire> silence(const Wire&, bool) {
  return {};
}

const Wire kClientCookie{1, 2, 3, 4, 5, 6, 7, 8};

}  // namespace

TEST_CASE_METHOD(Fixture, "RFC 7873 section 5.2: a client's cookie comes back with ours behind it",
                 "[query][cookie]") {
  const auto cookie =
      option_of(client.ask(with_option(edns_option::kCookie, kClientCookie)), edns_option::kCookie);
  REQUIRE(cookie);
  CHECK(cookie->size() == 24);
  CHECK(std::equal(kClientCookie.begin(), kClientCookie.end(), cookie->begin()));
  CHECK_FALSE(option_of(client.ask(query("www.example.com", rrtype::kA)), edns_option::kCookie));
}

TEST_CASE_METHOD(Fixture, "RFC 7873 section 5.2.2: a cookie of an impossible length is a format error",
                 "[query][cookie]") {
  for (const size_t size : std::vector<size_t>{0, 1, 7, 9, 15, 41}) {
    CAPTURE(size);
    CHECK(read(client.ask(with_option(edns_option::kCookie, Wire(size)))).rcode == 1);
  }
}

TEST_CASE_METHOD(Fixture, "a client over its rate slips or hears nothing, unless it shows a cookie",
                 "[query][limits]") {
  served.on_loop([&] { served.pipeline().reload({{}, {.rate = 5, .slip = 1}}); });
  client.answer("www.example.com");
  Message last;
  for (int i = 0; i < 20; ++i) {
    last = client.answer("www.example.com");
  }
  CHECK(last.tc);
  CHECK(last.answers.empty());
  // Over TCP it is served, and with the cookie that it gets there over UDP, too.
  const Wire over_tcp = client.ask(with_option(edns_option::kCookie, kClientCookie), Transport::kTcp);
  CHECK(read(over_tcp).answers.size() == 1);
  const auto cookie = option_of(over_tcp, edns_option::kCookie);
  REQUIRE(cookie);
  CHECK(read(client.ask(with_option(edns_option::kCookie, *cookie))).answers.size() == 1);
  // Somebody else's cookie is none.
  CHECK(read(client.ask(with_option(edns_option::kCookie, *cookie), Transport::kUdp, "10.0.0.6"))
            .answers.size() == 1);
  for (int i = 0; i < 20; ++i) {
    last = read(client.ask(with_option(edns_option::kCookie, *cookie), Transport::kUdp, "10.0.0.6"));
  }
  CHECK(last.tc);
}

TEST_CASE_METHOD(Fixture, "RFC 9018 section 5: while the secret changes, cookies of both are good",
                 "[query][cookie]") {
  const SipKey old_secret{1};
  const SipKey new_secret{2};
  const auto use = [&](const CookieSecrets& secrets) {
    served.on_loop([&] { served.pipeline().reload({{}, {.rate = 1, .slip = 1}, {}, secrets}); });
  };
  const auto is_good = [&](const Wire& cookie) {
    Message last;
    for (int i = 0; i < 10; ++i) {
      last = read(client.ask(with_option(edns_option::kCookie, cookie)));
    }
    return !last.tc;
  };
  const auto made = [&] {
    return option_of(client.ask(with_option(edns_option::kCookie, kClientCookie), Transport::kTcp),
                     edns_option::kCookie)
        .value();
  };
  use({old_secret, new_secret});
  const Wire before = made();
  use({new_secret, old_secret});
  const Wire after = made();
  CHECK(before != after);
  CHECK(is_good(before));
  CHECK(is_good(after));
  use({old_secret, new_secret});  // a server that is still one step behind
  CHECK(is_good(after));
  use({new_secret, {}});
  CHECK_FALSE(is_good(before));
  CHECK(is_good(after));
}

TEST_CASE_METHOD(Fixture,
                 "RFC 8467 section 4.1: what is asked with padding over TLS is answered in blocks of 468",
                 "[query][padding]") {
  const Wire asked = with_option(edns_option::kPadding, Wire(20));
  for (const Transport transport : {Transport::kDot, Transport::kDoh}) {
    CHECK(client.ask(asked, transport).size() % 468 == 0);
    CHECK(read(client.ask(asked, transport)).answers.size() == 1);
    CHECK(client.ask(query("www.example.com", rrtype::kA), transport).size() % 468 != 0);
    // An error, too (RFC 7830 section 4).
    CHECK(client.ask(with_option(edns_option::kPadding, {}, "localhost"), transport).size() % 468 == 0);
  }
  CHECK_FALSE(option_of(client.ask(asked, Transport::kTcp), edns_option::kPadding));
  CHECK_FALSE(option_of(client.ask(asked, Transport::kUdp), edns_option::kPadding));
}

TEST_CASE_METHOD(Fixture,
                 "RFC 7828 section 3.3.2: the idle time is said over a stream to whoever asks for it",
                 "[query][stream]") {
  const Wire asked = with_option(edns_option::kTcpKeepalive, {});
  CHECK(option_of(client.ask(asked, Transport::kTcp), edns_option::kTcpKeepalive) == Wire{0, 100});
  CHECK(option_of(client.ask(asked, Transport::kDot), edns_option::kTcpKeepalive) == Wire{0, 100});
  CHECK_FALSE(option_of(client.ask(asked, Transport::kUdp), edns_option::kTcpKeepalive));
  CHECK_FALSE(option_of(client.ask(query("www.example.com", rrtype::kA), Transport::kTcp),
                        edns_option::kTcpKeepalive));
}

TEST_CASE_METHOD(Fixture, "RFC 8767 section 5: what is stale helps out before the client gives up",
                 "[query][stale]") {
  CHECK(client.answer("www.example.com").answers.size() == 1);
  client.pass(seconds{61});
  served.upstream.set(silence);
  const auto before = std::chrono::steady_clock::now();
  const Message stale = client.answer("www.example.com");
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(stale.answers == std::vector<std::string>{"www.example.com. 30 IN A 192.0.2.1"});
  CHECK(stale.ede == 3);
  CHECK(took > milliseconds{1500});
  CHECK(took < milliseconds{3500});
  // The question is still under way; who comes now does not wait at all.
  CHECK(client.answer("www.example.com").ede == 3);
  CHECK(std::chrono::steady_clock::now() - before < milliseconds{3600});
  // An answer that comes late is kept all the same.
  served.upstream.set(ScriptedUpstream::default_script);
  CHECK(served.becomes([&] { return !client.answer("www.example.com").ede; }));
}

TEST_CASE_METHOD(Fixture, "a hot answer is asked for again before its end, and nobody waits",
                 "[query][prefetch]") {
  for (int i = 0; i < 6; ++i) {
    client.answer("www.example.com");
  }
  client.answer("cold.example.com");
  CHECK(served.upstream.queries() == 2);
  client.pass(seconds{55});
  CHECK(client.answer("www.example.com").answers ==
        std::vector<std::string>{"www.example.com. 5 IN A 192.0.2.1"});
  CHECK(client.answer("cold.example.com").answers.size() == 1);
  CHECK(served.becomes([&] {
    return client.answer("www.example.com").answers ==
           std::vector<std::string>{"www.example.com. 60 IN A 192.0.2.1"};
  }));
  CHECK(served.upstream.queries() == 3);
}

TEST_CASE_METHOD(Fixture, "one domain holds only so many questions under way", "[query][limits]") {
  served.upstream.set(silence);
  served.on_loop([&] { served.pipeline().reload({{}, {.domain_waiting = 3}}); });
  Client others(served);
  std::vector<std::thread> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back([this, i] {
      Client one(served);
      one.answer("random" + std::to_string(i) + ".victim.example");
    });
  }
  REQUIRE(served.becomes([&] { return served.waiting() == 3; }));
  const Message refused = client.answer("random9.victim.example");
  CHECK(refused.rcode == 2);
  served.upstream.set(ScriptedUpstream::default_script);
  CHECK(others.answer("www.other.example").answers.size() == 1);
  for (std::thread& thread : waiting) {
    thread.join();
  }
}

TEST_CASE_METHOD(Fixture,
                 "RFC 4892: version.bind and id.server say what the configuration says, and nothing without",
                 "[query][names]") {
  const auto chaos = [&](const char* name) { return client.answer(name, rrtype::kTxt, {.klass = 3}); };
  CHECK(chaos("version.bind").rcode == 5);
  served.on_loop([&] {
    NamesSettings names;
    names.version = "nine";
    names.identity = "node-1";
    served.pipeline().reload({names, {}});
  });
  CHECK(chaos("version.bind").answers == std::vector<std::string>{"version.bind. 0 CH TXT \"nine\""});
  CHECK(chaos("VERSION.server").answers.size() == 1);
  CHECK(chaos("id.server").answers == std::vector<std::string>{"id.server. 0 CH TXT \"node-1\""});
  CHECK(chaos("authors.bind").rcode == 5);
  CHECK(served.upstream.queries() == 0);
}

TEST_CASE_METHOD(TrustingFixture, "RFC 6840 section 5.8: a trusted AD goes to whoever asks with DO or AD",
                 "[query][dnssec]") {
  for (int i = 0; i < 2; ++i) {  // fresh, then cached
    CHECK_FALSE(client.answer("www.example.com").ad);
    CHECK(ask_with_ad().ad);
    CHECK(client.answer("www.example.com", rrtype::kA, {.dnssec_ok = true}).ad);
  }
  CHECK(served.upstream.queries() == 2);
  client.pass(seconds{61});
  served.upstream.set(silence);
  const Message stale = ask_with_ad();
  CHECK(stale.ede == 3);
  CHECK_FALSE(stale.ad);
}

TEST_CASE_METHOD(Fixture, "RFC 6840 section 5.8: the AD of an upstream that nobody vouches for is dropped",
                 "[query][dnssec]") {
  served.upstream.set([](const Wire& asked, bool) {
    return std::vector<Wire>{
        Reply(asked).answer("www.example.com. 60 IN A 192.0.2.1").authenticated().wire()};
  });
  CHECK_FALSE(client.answer("www.example.com", rrtype::kA, {.dnssec_ok = true}).ad);
}

TEST_CASE_METHOD(Fixture,
                 "an answer that leads inside is withheld, fresh and cached, until a reload allows it",
                 "[query][rebinding]") {
  served.upstream.set([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked).answer("www.example.com. 60 IN A 10.0.0.1").wire()};
  });
  CHECK(client.answer("www.example.com").answers.size() == 1);  // auto: the upstream is an inner server
  using Guard = RebindingSettings::Guard;
  served.on_loop([&] { served.pipeline().reload({{}, {}, {Guard::kOn, {}}}); });
  for (const char* name : {"www.example.com", "www.example.com"}) {
    const Message withheld = client.answer(name);
    CHECK(withheld.rcode == 0);
    CHECK(withheld.answers.empty());
    REQUIRE(withheld.authorities.size() == 1);
    CHECK_THAT(withheld.authorities[0], Catch::StartsWith("www.example.com. 30 IN SOA"));
    CHECK(withheld.ede == 15);
  }
  CHECK(served.pipeline().counters().withheld.value() == 2);
  CHECK(served.upstream.queries() == 1);
  served.on_loop([&] {
    served.pipeline().reload({{}, {}, {Guard::kOn, {*Name::from_text("example.com")}}});
  });
  CHECK(client.answer("www.example.com").answers.size() == 1);
  served.on_loop([&] { served.pipeline().reload({{}, {}, {Guard::kOff, {}}}); });
  CHECK(client.answer("www.example.com").answers.size() == 1);
}

TEST_CASE_METHOD(Fixture, "RFC 5001 section 2.2: NSID is the configured identity, for whoever asks for it",
                 "[query][names]") {
  const auto nsid = [&](const char* name) {
    return option_of(client.ask(with_option(edns_option::kNsid, {}, name)), edns_option::kNsid);
  };
  CHECK_FALSE(nsid("www.example.com"));
  NamesSettings names;
  names.identity = "node-1";
  served.on_loop([&] { served.pipeline().reload({names, {}}); });
  const Wire expected{'n', 'o', 'd', 'e', '-', '1'};
  CHECK(nsid("www.example.com") == expected);  // from the cache
  CHECK(nsid("new.example.com") == expected);  // from the upstream
  CHECK(nsid("localhost") == expected);
  CHECK_FALSE(option_of(client.ask(query("www.example.com", rrtype::kA)), edns_option::kNsid));
}

TEST_CASE_METHOD(Fixture, "what is pushed while a query waits acts on it", "[query][policy]") {
  const auto list = [&](const char* name, uint64_t generation) {
    Listed listed;
    listed.what = name;
    const auto snapshot = std::make_shared<FakeSnapshot>(std::vector<Listed>{listed}, generation);
    served.on_loop([&] { served.policy().adopt(snapshot); });
  };
  list("other.test", 1);
  served.upstream.set([&](const Wire& asked, bool) {
    list("example.com", 2);
    return ScriptedUpstream::default_script(asked, false);
  });
  const auto error = option_of(client.ask(query("www.example.com", rrtype::kA)), edns_option::kExtendedError);
  REQUIRE(error);
  CHECK((*error)[1] == static_cast<uint8_t>(Ede::kBlocked));
}

namespace {

const std::string kFromUpstream = "192.0.2.1";
const std::string kFromUs = "10.1.2.3";

// The data of the only record.
std::string data_of(const Message& answer) {
  return answer.answers.size() == 1 ? answer.answers[0].substr(answer.answers[0].rfind(' ') + 1) : "";
}

NamesSettings with_own_record() {
  NamesSettings names;
  names.records = {{*Name::from_text("www.example.com"), rrtype::kA, 300, {10, 1, 2, 3}}};
  return names;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "an answer that was found clear is judged again when a snapshot is adopted",
                 "[query][policy]") {
  uint64_t generation = 0;
  const auto list = [&](const char* name, Action action = Action::kSinkhole) {
    Listed listed;
    listed.what = name;
    listed.action = action;
    const auto snapshot = std::make_shared<FakeSnapshot>(std::vector<Listed>{listed}, ++generation);
    served.on_loop([&] { served.policy().adopt(snapshot); });
  };
  const auto hits = [&] {
    uint64_t count = 0;
    served.on_loop([&] {
      for (const Counter& each : served.pipeline().counters().actions) {
        count += each.value();
      }
    });
    return count;
  };
  list("other.test");
  for (int i = 0; i < 3; ++i) {
    CHECK(data_of(client.answer("www.example.com")) == kFromUpstream);
  }
  CHECK(hits() == 0);
  list("example.com", Action::kMonitor);
  for (uint64_t i = 1; i <= 3; ++i) {
    CHECK(data_of(client.answer("www.example.com")) == kFromUpstream);
    CHECK(hits() == i);  // a monitored name is recorded however often it is asked
  }
  list("192.0.2.1/32", Action::kMonitor);
  for (uint64_t i = 4; i <= 6; ++i) {
    CHECK(data_of(client.answer("www.example.com")) == kFromUpstream);
    CHECK(hits() == i);
  }
  list("example.com");
  CHECK(data_of(client.answer("www.example.com")) != kFromUpstream);
  CHECK(hits() == 7);
  list("other.test");
  CHECK(data_of(client.answer("www.example.com")) == kFromUpstream);
  CHECK(hits() == 7);
}

TEST_CASE_METHOD(Fixture, "an answer that was found clear makes way for a record of our own",
                 "[query][names]") {
  for (int i = 0; i < 2; ++i) {
    CHECK(data_of(client.answer("www.example.com")) == kFromUpstream);
  }
  served.on_loop([&] { served.pipeline().reload({with_own_record(), {}}); });
  CHECK(data_of(client.answer("www.example.com")) == kFromUs);
  served.on_loop([&] { served.pipeline().reload({{}, {}}); });
  CHECK(data_of(client.answer("www.example.com")) == kFromUpstream);
}

TEST_CASE_METHOD(Fixture, "a record of our own that came while the upstream was asked is given to the next",
                 "[query][names]") {
  served.upstream.set([&](const Wire& asked, bool) {
    served.on_loop([&] { served.pipeline().reload({with_own_record(), {}}); });
    return ScriptedUpstream::default_script(asked, false);
  });
  CHECK(data_of(client.answer("www.example.com")) == kFromUpstream);
  CHECK(data_of(client.answer("www.example.com")) == kFromUs);
}

TEST_CASE_METHOD(Fixture, "a query that waits while the configuration changes gets the new NSID",
                 "[query][names]") {
  NamesSettings names;
  names.identity = std::string(100, 'a');
  served.on_loop([&] { served.pipeline().reload({names, {}}); });
  served.upstream.set([&](const Wire& asked, bool) {
    served.on_loop([&] {
      names.identity = "b";
      served.pipeline().reload({names, {}});
    });
    return ScriptedUpstream::default_script(asked, false);
  });
  CHECK(option_of(client.ask(with_option(edns_option::kNsid, {})), edns_option::kNsid) == Wire{'b'});
}

namespace {

// An upstream that filters: by an address that leads nowhere.
std::vector<Wire> filter(const Wire& asked, bool) {
  return {Reply(asked).answer("www.example.com. 60 IN A 0.0.0.0").extended_error(17, "adult content").wire()};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "what upstream says of its answer goes with it until the answer is another",
                 "[query][ede]") {
  served.upstream.set(filter);
  for (int i = 0; i < 6; ++i) {  // fresh, then cached
    const Message answer = client.answer("www.example.com");
    CHECK(answer.ede == 17);
    CHECK(answer.ede_text == "upstream: adult content");
  }
  CHECK_FALSE(client.answer("www.example.com", rrtype::kA, {.edns = false}).has_edns);
  CHECK(served.upstream.queries() == 1);
  CHECK(served.pipeline().counters().blocked_upstream.value() == 7);
  served.upstream.set(ScriptedUpstream::default_script);
  client.pass(seconds{55});
  CHECK(client.answer("www.example.com").ede == 17);  // and causes a prefetch
  CHECK(served.becomes([&] { return !client.answer("www.example.com").ede; }));
  CHECK(served.upstream.queries() == 2);
}

TEST_CASE_METHOD(Fixture, "a stale answer says that it is stale, whatever upstream once said of it",
                 "[query][ede]") {
  served.upstream.set(filter);
  CHECK(client.answer("www.example.com").ede == 17);
  client.pass(seconds{61});
  served.upstream.set(silence);
  const Message stale = client.answer("www.example.com");
  CHECK(stale.ede == 3);
  CHECK(stale.ede_text == "upstream does not answer");
}

TEST_CASE_METHOD(Fixture, "all who wait for one answer hear what upstream says of it", "[query][ede]") {
  std::atomic<bool> release{false};
  served.upstream.set([&](const Wire& asked, bool over_tcp) {
    while (!release) {
      std::this_thread::yield();
    }
    return filter(asked, over_tcp);
  });
  std::atomic<int> told{0};
  std::vector<std::thread> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back([&] { told += Client(served).answer("www.example.com").ede == 17 ? 1 : 0; });
  }
  CHECK(served.becomes([&] { return served.waiting() == 3; }));
  release = true;
  for (std::thread& thread : waiting) {
    thread.join();
  }
  CHECK(told == 3);
  CHECK(served.upstream.queries() == 1);
}

TEST_CASE_METHOD(Fixture,
                 "where room is short upstream's text goes before its code, and both before the records",
                 "[query][ede]") {
  // 12 + 21 for header and question, then TXT records of 12 + 1 + n bytes; the OPT takes 11.
  const auto fill = [](size_t last) {
    return [last](const Wire& asked, bool) {
      Reply reply(asked);
      reply.answer("www.example.com. 60 IN TXT \"" + std::string(200, 'a') + "\"");
      reply.answer("www.example.com. 60 IN TXT \"" + std::string(last, 'b') + "\"");
      reply.extended_error(15, "a long story about it");
      return std::vector<Wire>{reply.wire()};
    };
  };
  const size_t rest = 512 - (12 + 21) - (13 + 200) - 13 - 11;
  for (const size_t room : std::vector<size_t>{40, 37, 36, 16, 6, 5, 0}) {
    CAPTURE(room);
    served.upstream.set(fill(rest - room));
    for (int i = 0; i < 2; ++i) {  // fresh, then cached
      const Message answer = client.answer("www.example.com", rrtype::kTxt, {.udp_size = 512});
      CHECK_FALSE(answer.tc);
      CHECK(answer.answers.size() == 2);
      CHECK(answer.ede.has_value() == (room >= 6));
      CHECK(answer.ede_text ==
            std::string("upstream: a long story about it").substr(0, room >= 6 ? room - 6 : 0));
    }
    client.pass(seconds{61});
  }
}

TEST_CASE_METHOD(Fixture, "an upstream's block by 0.0.0.0 is no rebinding, though it is withheld as well",
                 "[query][ede]") {
  served.on_loop([&] { served.pipeline().reload({{}, {}, {RebindingSettings::Guard::kOn, {}}}); });
  served.upstream.set(filter);
  for (int i = 0; i < 2; ++i) {
    const Message answer = client.answer("www.example.com");
    CHECK(answer.answers.empty());
    CHECK(answer.ede == 17);
    CHECK(answer.ede_text == "upstream: adult content");
  }
  client.pass(seconds{61});  // stale, while upstream is silent
  served.upstream.set(silence);
  CHECK(client.answer("www.example.com").ede == 17);
  CHECK(served.pipeline().counters().withheld.value() == 0);
  CHECK(served.pipeline().counters().blocked_upstream.value() == 3);
}

TEST_CASE_METHOD(TrustingFixture, "an extended error of upstream takes no AD from its answer",
                 "[query][ede]") {
  served.upstream.set([](const Wire& asked, bool) {
    return std::vector<Wire>{Reply(asked)
                                 .answer("www.example.com. 60 IN A 192.0.2.1")
                                 .authenticated()
                                 .extended_error(29, "")
                                 .wire()};
  });
  for (int i = 0; i < 2; ++i) {
    const Message answer = ask_with_ad();
    CHECK(answer.ad);
    CHECK(answer.ede == 29);
    CHECK(answer.ede_text == "upstream");
  }
  CHECK(served.pipeline().counters().blocked_upstream.value() == 0);
}

}  // namespace cenote::pipeline_test
