#include "resolver/upstream/forwarder.h"

#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/support/dns_text.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/sockets.h"

namespace cenote::forwarder_test {
namespace {

using test::Reply;
using test::ScriptedUpstream;
using test::Wire;

UpstreamSettings settings_of(const std::vector<SocketAddress>& addresses, bool mix_case) {
  UpstreamZone zone;
  for (const SocketAddress& address : addresses) {
    UpstreamServer server;
    server.address = address;
    server.mix_case = mix_case;
    zone.servers.push_back(server);
  }
  return {{zone}};
}

// One loop that runs until every question has its answer.
class Asker final : ResolutionEvents {
 public:
  explicit Asker(const std::vector<SocketAddress>& servers, bool mix_case = false) {
    forwarder_ = Forwarder::make(loop_, settings_of(servers, mix_case), random_, *this);
  }
  explicit Asker(const UpstreamSettings& settings)
      : forwarder_(Forwarder::make(loop_, settings, random_, *this)) {}
  std::vector<Resolution> ask(int count, int at_once = 100) {
    left_ = count;
    done_.clear();
    started_ = 0;
    count_ = count;
    loop_.post([this, at_once] {
      for (int i = 0; i < at_once && started_ < count_; ++i) {
        start();
      }
    });
    Timer limit(loop_, [this] { loop_.stop(); });
    limit.start(seconds{20});
    loop_.run();
    return std::move(done_);
  }
  Resolution ask() {
    auto all = ask(1);
    REQUIRE(all.size() == 1);
    return std::move(all.front());
  }
  [[nodiscard]] const ServerPool& pool() const { return forwarder_->pool(); }
  [[nodiscard]] const std::vector<std::string>& excluded() const { return forwarder_->excluded(); }
  [[nodiscard]] bool can_replace(const Asker& other) const {
    return forwarder_->can_replace(*other.forwarder_);
  }

 private:
  void start() {
    const Name name = Name::from_text("n" + std::to_string(started_++) + ".example").value();
    forwarder_->resolve(0, {name, rrtype::kA, false, false}, 1);
  }
  void on_resolved(uint64_t, Resolution& resolution) override {
    done_.push_back(std::move(resolution));
    if (started_ < count_) {
      start();
    }
    if (--left_ == 0) {
      loop_.stop();
    }
  }

  Loop loop_;
  Random random_;
  std::unique_ptr<Forwarder> forwarder_;
  std::vector<Resolution> done_;
  int started_ = 0;
  int count_ = 0;
  int left_ = 0;
};

std::vector<Wire> silence(const Wire&, bool) {
  return {};
}
Wire good(const Wire& query) {
  return ScriptedUpstream::default_script(query, false).front();
}
Wire with_short_address(const Wire& query) {
  Wire reply = good(query);
  reply.pop_back();
  --reply[reply.size() - 4];  // the size that stands before it
  return reply;
}
bool is_good(const Resolution& resolution) {
  return resolution.answered && resolution.response.rcode == Rcode::kNoError &&
         test::read(resolution.response.message).answers.size() == 1;
}

}  // namespace

TEST_CASE("a question reaches the upstream in lower case, with EDNS and RD", "[upstream][forwarder]") {
  ScriptedUpstream upstream;
  Asker asker({upstream.address()});
  CHECK(is_good(asker.ask()));
  REQUIRE(upstream.seen().size() == 1);
  const auto seen = test::read(upstream.seen().front());
  CHECK(seen.question_name == "n0.example");
  CHECK(seen.rd);
  CHECK(seen.has_edns);
  CHECK(seen.udp_size == 1232);
}

TEST_CASE("a reply that does not belong does not end the wait",
          "[upstream][forwarder]") {  // RFC 5452 section 9
  ScriptedUpstream upstream([](const Wire& query, bool) -> std::vector<Wire> {
    Wire other_id = good(query);
    other_id[0] = static_cast<uint8_t>(other_id[0] ^ 1);
    Wire other_question = good(query);
    other_question[13] = 'x';
    Wire other_type = good(query);
    other_type[12 + 12 + 1] = 28;
    Wire no_response = good(query);
    no_response[2] = static_cast<uint8_t>(no_response[2] & 0x7F);
    return {other_id, other_question, other_type, no_response, Wire{}, Wire{1, 2, 3}, good(query)};
  });
  Asker asker({upstream.address()});
  CHECK(is_good(asker.ask()));
  CHECK(upstream.queries() == 1);
}

TEST_CASE("only wrong replies are as good as silence: the next server is asked", "[upstream][forwarder]") {
  ScriptedUpstream liar([](const Wire& query, bool) -> std::vector<Wire> {
    Wire wrong = good(query);
    wrong[1] = static_cast<uint8_t>(wrong[1] ^ 0xFF);
    return {wrong};
  });
  ScriptedUpstream honest;
  Asker asker({liar.address(), honest.address()});
  CHECK(is_good(asker.ask()));
  CHECK(honest.queries() == 1);
  CHECK(asker.pool().health(0).timed_out.value() == 1);
}

TEST_CASE("whatever is wrong with the first server, the second answers", "[upstream][forwarder]") {
  ScriptedUpstream first;
  SECTION("silence") {
    first.set(silence);
  }
  SECTION("SERVFAIL") {
    first.set([](const Wire& query, bool) {
      return std::vector<Wire>{Reply(query).rcode(Rcode::kServFail).wire()};
    });
  }
  SECTION("REFUSED") {
    first.set([](const Wire& query, bool) {
      return std::vector<Wire>{Reply(query).rcode(Rcode::kRefused).wire()};
    });
  }
  SECTION("a CNAME loop") {
    first.set([](const Wire& query, bool) {
      return std::vector<Wire>{Reply(query).answer("n0.example. 5 IN CNAME n0.example.").wire()};
    });
  }
  SECTION("an address of three bytes") {
    first.set([](const Wire& query, bool) { return std::vector<Wire>{with_short_address(query)}; });
  }
  ScriptedUpstream second;
  Asker asker({first.address(), second.address()});
  CHECK(is_good(asker.ask()));
  CHECK(second.queries() == 1);
}

TEST_CASE("a server that is not there costs no wait", "[upstream][forwarder]") {
  ScriptedUpstream second;
  Asker asker({test::loopback(test::free_port()), second.address()});
  const MonoTime before = mono_now();
  CHECK(is_good(asker.ask()));
  CHECK(mono_now() - before < milliseconds{350});  // less than the patience with a silent one
  CHECK(asker.pool().health(0).is_down.value() == 1);
}

TEST_CASE("a server to which the system knows no way costs no wait, and alone it fails at once",
          "[upstream][forwarder]") {
  const ScriptedUpstream second;
  const SocketAddress nowhere = *SocketAddress::from_text("255.255.255.255:53");  // not without SO_BROADCAST
  const MonoTime before = mono_now();
  CHECK(is_good(Asker({nowhere, second.address()}).ask()));
  CHECK_FALSE(Asker({nowhere}).ask().answered);
  CHECK(mono_now() - before < milliseconds{300});
}

namespace {
Wire bare_header(const Wire& query) {
  Wire header(query.begin(), query.begin() + 12);
  header[2] |= 0x80;
  header[3] = 1;
  std::fill(header.begin() + 4, header.end(), uint8_t{0});
  return header;
}
bool has_edns(const Wire& query) {
  return query[11] != 0;
}
}  // namespace

TEST_CASE("a server that minds EDNS is asked without, and remembered for a while", "[upstream][forwarder]") {
  const auto minds =
      GENERATE(Rcode::kFormErr, Rcode::kNotImp, Rcode::kNoError);  // the last one: a bare header
  const ScriptedUpstream upstream([&](const Wire& query, bool) {
    return std::vector<Wire>{!has_edns(query)           ? good(query)
                             : minds == Rcode::kNoError ? bare_header(query)
                                                        : Reply(query).rcode(minds).wire()};
  });
  Asker asker({upstream.address()});
  CHECK(is_good(asker.ask()));
  CHECK(upstream.queries() == 2);  // RFC 6891 section 6.2.2
  for (const Resolution& resolution : asker.ask(20)) {
    CHECK(is_good(resolution));
  }
  CHECK(upstream.queries() == 22);
  test::pass_time(ServerMemory::kHolds);
  CHECK(is_good(asker.ask()));
  CHECK(upstream.queries() == 24);
}

TEST_CASE("a server that understands EDNS and minds it for one name is asked with it for the others",
          "[upstream][forwarder]") {
  const ScriptedUpstream upstream([](const Wire& query, bool) {
    const bool minds = test::read(query).question_name == "n1.example" && has_edns(query);
    return std::vector<Wire>{minds ? Reply(query).rcode(Rcode::kFormErr).wire() : good(query)};
  });
  Asker asker({upstream.address()});
  CHECK(asker.ask(4, 1).size() == 4);
  CHECK(upstream.queries() == 5);
  CHECK(has_edns(upstream.seen().back()));
}

TEST_CASE("a garbled datagram does not end the wait for the good one", "[upstream][forwarder]") {
  const ScriptedUpstream upstream([](const Wire& query, bool) {
    const Wire whole = good(query);
    return std::vector<Wire>{Wire(whole.begin(), whole.end() - 2), whole};
  });
  CHECK(is_good(Asker({upstream.address()}).ask()));
  CHECK(upstream.tcp_queries() == 0);
}

TEST_CASE("a reply in other letters than a server keeps is asked for again over TCP",
          "[upstream][forwarder]") {
  ScriptedUpstream upstream;
  Asker asker({upstream.address()}, true);
  std::set<std::string> written;
  for (int i = 0; i < 8; ++i) {
    CHECK(is_good(asker.ask()));
  }
  for (const Wire& seen : upstream.seen()) {
    written.insert(test::read(seen).question_name);
  }
  CHECK(written.size() > 2);
  CHECK(upstream.tcp_queries() == 0);
  const auto in_other_letters = [](const Wire& query) {
    Wire reply = good(query);
    constexpr uint8_t kCaseBit = 0x20;
    reply[13] ^= kCaseBit;  // the name's first letter, behind its label's length
    return reply;
  };
  SECTION("for it may be forged") {
    upstream.set([&](const Wire& query, bool over_tcp) {
      return std::vector<Wire>{over_tcp ? good(query) : in_other_letters(query)};
    });
    for (unsigned i = 1; i <= 3; ++i) {  // and again: a forger proves nothing
      CHECK(is_good(asker.ask()));
      CHECK(upstream.tcp_queries() == i);
    }
  }
  SECTION("which finds out that the server has changed") {
    upstream.set([&](const Wire& query, bool) { return std::vector<Wire>{in_other_letters(query)}; });
    for (unsigned i = 1; i <= 3; ++i) {
      CHECK(is_good(asker.ask()));
      CHECK(upstream.tcp_queries() == 1);
    }
  }
  SECTION("but the true one that comes a little later counts, too") {
    upstream.set([&](const Wire& query, bool over_tcp) {
      return over_tcp ? std::vector<Wire>{} : std::vector<Wire>{in_other_letters(query), good(query)};
    });
    const MonoTime before = mono_now();
    CHECK(is_good(asker.ask()));
    CHECK(mono_now() - before < milliseconds{350});
  }
}

TEST_CASE("a server whose CA is missing is not asked, the next one is", "[upstream][forwarder]") {
  ScriptedUpstream upstream;
  UpstreamServer without_ca;
  without_ca.scheme = UpstreamServer::Scheme::kTls;
  without_ca.address = upstream.address();  // in clear it would answer
  without_ca.tls_name = "dns.example.net";
  without_ca.ca_file = "/nowhere/ca.crt";
  UpstreamSettings settings = settings_of({upstream.address()}, false);
  settings.zones[0].servers.insert(settings.zones[0].servers.begin(), without_ca);
  Asker asker(settings);
  CHECK(asker.ask().answered);
  REQUIRE(asker.excluded().size() == 1);
  CHECK(asker.excluded()[0].find("/nowhere/ca.crt") != std::string::npos);
  CHECK(asker.pool().health(0).asked.value() == 0);
  CHECK(asker.pool().health(0).is_down.value() == 1);
}

TEST_CASE("a zone whose only server lacks its CA fails, and no other zone's servers are asked",
          "[upstream][forwarder]") {
  ScriptedUpstream upstream;
  UpstreamZone inner;
  inner.zone = Name::from_text("example").value();
  inner.servers.emplace_back();
  inner.servers[0].scheme = UpstreamServer::Scheme::kTls;
  inner.servers[0].address = upstream.address();
  inner.servers[0].ca_file = "/nowhere/ca.crt";
  UpstreamSettings settings = settings_of({upstream.address()}, false);
  settings.zones.insert(settings.zones.begin(), inner);
  Asker asker(settings);
  CHECK_FALSE(asker.ask().answered);
  CHECK(asker.pool().health(0).asked.value() + asker.pool().health(1).asked.value() == 0);
}

TEST_CASE("upstreams are not replaced by those that cannot ask what is asked now", "[upstream][forwarder]") {
  // A zone and its servers by the ends of their addresses; without a CA when negative.
  const auto zone = [](const char* name, const std::vector<int>& servers) {
    UpstreamZone made;
    made.zone = Name::from_text(name).value();
    for (const int end : servers) {
      UpstreamServer& server = made.servers.emplace_back();
      server.address = SocketAddress(IpAddress::v4({127, 0, 0, static_cast<uint8_t>(std::abs(end))}), 853);
      if (end < 0) {
        server.scheme = UpstreamServer::Scheme::kTls;
        server.ca_file = "/nowhere/ca.crt";
      }
    }
    return made;
  };
  const auto takes = [](const UpstreamSettings& before, const UpstreamSettings& after) {
    return Asker(after).can_replace(Asker(before));
  };
  const UpstreamSettings now{{zone("corp.example", {-2}), zone(".", {1})}};
  CHECK(takes(now, now));
  // As many that cannot be asked as before, and not the same ones.
  CHECK_FALSE(takes(now, {{zone("corp.example", {2}), zone(".", {-1})}}));
  CHECK_FALSE(takes(now, {{zone("corp.example", {2}), zone(".", {-3})}}));  // the zone's last one
  CHECK_FALSE(takes(now, {{zone("corp.example", {2}), zone(".", {-1, 3})}}));
  CHECK(takes(now, {{zone("corp.example", {-2}), zone(".", {-3, 1})}}));  // one that is new is no loss
  CHECK(takes(now, {{zone("corp.example", {2}), zone(".", {1})}}));
  CHECK(takes(now, {{zone(".", {3})}}));
  // A new zone takes its names away from the one around it.
  CHECK_FALSE(takes(now, {{zone("corp.example", {-2}), zone("lab.example", {-4}), zone(".", {1})}}));
  CHECK(takes(now, {{zone("corp.example", {-2}), zone("a.corp.example", {-4}), zone(".", {1})}}));
  // Zones and servers may be removed on purpose, and what could not be asked may stay so.
  const UpstreamSettings inner{{zone("corp.example", {2, 3}), zone(".", {-1})}};
  CHECK(takes(inner, {{zone(".", {-1})}}));
  CHECK(takes(inner, {{zone("corp.example", {3}), zone(".", {-4})}}));
  CHECK(takes(inner, {{zone("corp.example", {2, 3})}}));
}

TEST_CASE("a truncated answer is fetched over TCP", "[upstream][forwarder]") {
  ScriptedUpstream upstream([](const Wire& query, bool over_tcp) {
    return std::vector<Wire>{over_tcp ? good(query) : Reply(query).truncated().wire()};
  });
  Asker asker({upstream.address()});
  CHECK(is_good(asker.ask()));
  CHECK(upstream.queries() == 1);
  CHECK(upstream.tcp_queries() == 1);
}

TEST_CASE("an answer that is cut short over a stream, too, is none", "[upstream][forwarder]") {
  const bool has_records = GENERATE(false, true);
  ScriptedUpstream first([&](const Wire& query, bool) {
    Reply reply(query);
    return std::vector<Wire>{
        (has_records ? reply.answer("n0.example. 5 IN A 192.0.2.9") : reply).truncated().wire()};
  });
  const Resolution resolution = Asker({first.address()}).ask();
  CHECK(resolution.response.is_failure());
  REQUIRE(resolution.response.error);
  CHECK(resolution.response.error->code == Ede::kInvalidData);
  ScriptedUpstream second;
  CHECK(is_good(Asker({first.address(), second.address()}).ask()));
}

TEST_CASE("an answer whose record is not what its type says is none, and the reason is told",
          "[upstream][forwarder]") {
  ScriptedUpstream first(
      [](const Wire& query, bool) { return std::vector<Wire>{with_short_address(query)}; });
  const Resolution resolution = Asker({first.address()}).ask();
  CHECK(resolution.answered);
  CHECK(resolution.response.rcode == Rcode::kServFail);
  REQUIRE(resolution.response.error);
  CHECK(resolution.response.error->code == Ede::kInvalidData);
  CHECK(resolution.response.error->text == "an upstream's answer has a malformed A record");
}

TEST_CASE("replies to the last three of a question's attempts are believed, and no others",
          "[upstream][forwarder]") {  // RFC 5452 section 9.1
  const size_t answered = GENERATE(0U, 1U);
  const test::Descriptor server(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress any(*IpAddress::from_text("127.0.0.1"), 0);
  REQUIRE(bind(server.get(), any.data(), any.size()) == 0);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  REQUIRE(getsockname(server.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0);
  // Keeps silent until the fourth attempt comes, then answers an earlier one.
  std::thread upstream([&] {
    std::vector<std::pair<Wire, sockaddr_storage>> asked;
    while (asked.size() < 4) {
      Wire query(512);
      sockaddr_storage from{};
      socklen_t from_size = sizeof from;
      const ssize_t got = recvfrom(server.get(), query.data(), query.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &from_size);
      query.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
      asked.emplace_back(query, from);
    }
    const Wire reply = good(asked[answered].first);
    sendto(server.get(), reply.data(), reply.size(), 0,
           reinterpret_cast<const sockaddr*>(&asked[answered].second), sizeof(sockaddr_in));
  });
  Asker asker({SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&bound))});
  CHECK(is_good(asker.ask()) == (answered == 1));
  upstream.join();
}

TEST_CASE("when all answer badly the last word is passed on, with its extended error",
          "[upstream][forwarder]") {
  ScriptedUpstream upstream([](const Wire& query, bool) {
    return std::vector<Wire>{Reply(query).rcode(Rcode::kServFail).extended_error(6, "bad\n\xff").wire()};
  });
  Asker asker({upstream.address()});
  const Resolution resolution = asker.ask();
  CHECK(resolution.answered);
  CHECK(resolution.response.rcode == Rcode::kServFail);
  REQUIRE(resolution.response.error);
  CHECK(static_cast<int>(resolution.response.error->code) == 6);
  CHECK(resolution.response.error->text == "upstream: bad\\x0a\\xff");
}

TEST_CASE("ids change from question to question",
          "[upstream][forwarder]") {  // RFC 5452 section 9.2
  std::mutex mutex;
  std::set<int> ids;
  ScriptedUpstream upstream([&](const Wire& query, bool) {
    const std::lock_guard lock(mutex);
    ids.insert((query[0] << 8) | query[1]);
    return std::vector<Wire>{good(query)};
  });
  Asker asker({upstream.address()});
  const auto all = asker.ask(2000, 8);
  CHECK(all.size() == 2000);
  CHECK(std::all_of(all.begin(), all.end(), is_good));
  CHECK(ids.size() > 1900);  // 2,000 of 65,536 meet about 30 times
}

TEST_CASE("each question gets its own answer among many", "[upstream][forwarder]") {
  ScriptedUpstream upstream;
  Asker asker({upstream.address()});
  const auto all = asker.ask(500, 500);
  REQUIRE(all.size() == 500);
  std::set<std::string> names;
  for (const Resolution& each : all) {
    REQUIRE(is_good(each));
    const auto read = test::read(each.response.message);
    CHECK(read.answers.front().starts_with(read.question_name + "."));
    names.insert(read.question_name);
  }
  CHECK(names.size() == 500);
}

}  // namespace cenote::forwarder_test
