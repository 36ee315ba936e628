// What a forged address gets out of this resolver over UDP, and who makes room when all places are taken.
#include <atomic>

#include <catch2/catch.hpp>

#include "resolver/query/pipeline.h"
#include "tests/support/fake_snapshot.h"
#include "tests/support/served_pipeline.h"
#include "tests/support/shifted_clock.h"

namespace cenote::pipeline_limits_test {
using namespace cenote::test;

namespace {

struct Flow {
  size_t in = 0;
  size_t out = 0;
  size_t answers = 0;
  size_t longest = 0;
  [[nodiscard]] double factor() const { return static_cast<double>(out) / static_cast<double>(in); }
};

struct Fixture : ReplySink {
  ServedPipeline served;
  virtual ~Fixture() = default;

  // So many datagrams of one turn, from there.
  Flow flood(const Wire& datagram, const std::string& address, int times = 300) {
    Flow flow;
    served.on_loop([&] {
      for (int i = 0; i < times; ++i) {
        Wire buffer = datagram;
        buffer.resize(65535);
        ReplyPath path;
        path.sink = this;
        path.transport = transport;
        path.peer.client = SocketAddress(*IpAddress::from_text(address), 4321);
        const size_t size = served.pipeline().on_message(path, buffer, datagram.size());
        flow.in += datagram.size();
        flow.out += size;
        flow.answers += size != 0 ? 1 : 0;
        flow.longest = std::max(flow.longest, size);
      }
    });
    return flow;
  }
  void limit(unsigned rate, unsigned slip = 2) {
    AdmissionSettings admission;
    admission.rate = rate;
    admission.slip = slip;
    served.on_loop([&] { served.pipeline().reload({{}, admission}); });
  }
  Transport transport = Transport::kUdp;

  std::atomic<size_t> replies{0};

 private:
  void reply(const ReplyPath&, Bytes) noexcept override { ++replies; }
};

// As small as a datagram can be that gets such an answer.
Wire bad_version() {
  return query("a", rrtype::kA, {.edns_version = 1});
}
Wire other_class() {
  return query("a", rrtype::kA, {.klass = 4});
}
Wire chaos() {
  return query("version.bind", rrtype::kTxt, {.klass = 3});
}
Wire not_implemented() {
  Wire made = query("a", rrtype::kA);
  made[2] = 0x20;
  return made;
}
Wire malformed() {
  Wire made = query("a", rrtype::kA);
  made[5] = 2;
  return made;
}

constexpr double kMostLonger = 1.4;  // an OPT record with a code and no text

}  // namespace

TEST_CASE_METHOD(Fixture,
                 "a stranger gets few refusals, whatever the configuration says, and none is much longer",
                 "[query][limits]") {
  limit(GENERATE(0U, 1000U));
  int network = 0;
  for (const auto& datagram : {query("a", rrtype::kA), query("a", rrtype::kA, {.edns = false}), bad_version(),
                               other_class(), chaos(), not_implemented(), malformed()}) {
    const Flow flow = flood(datagram, "203.0." + std::to_string(++network) + ".9");
    CAPTURE(network, flow.answers, flow.in, flow.out);
    CHECK(flow.answers >= 20);   // two seconds' worth
    CHECK(flow.answers <= 160);  // and every second one of the rest comes back cut short
    CHECK(static_cast<double>(flow.longest) <= kMostLonger * static_cast<double>(datagram.size()));
    CHECK(flow.factor() < 0.7);
  }
}

TEST_CASE_METHOD(Fixture, "a whole network of strangers shares its refusals", "[query][limits]") {
  size_t v4 = 0;
  size_t v6 = 0;
  for (int i = 1; i < 100; ++i) {
    v4 += flood(malformed(), "203.0.113." + std::to_string(i), 1).answers;
    v6 += flood(malformed(), "2001:db8:0:" + std::to_string(i) + "::1", 1).answers;
  }
  CHECK(v4 >= 20);
  CHECK(v6 >= 20);
  CHECK(v4 < 50);  // some time passes meanwhile
  CHECK(v6 < 50);
  CHECK(flood(malformed(), "203.0.114.1", 1).answers == 1);
}

TEST_CASE_METHOD(Fixture, "over a stream a stranger is told why", "[query][limits]") {
  transport = Transport::kTcp;
  const Flow flow = flood(query("a", rrtype::kA), "203.0.113.5");
  CHECK(flow.answers == 300);
  CHECK(flow.longest > 60);
}

TEST_CASE_METHOD(Fixture, "answers that say no count like all others where a rate is set",
                 "[query][limits]") {
  limit(10, 0);
  int client = 0;
  for (const auto& datagram : {bad_version(), other_class(), chaos(), not_implemented(), malformed()}) {
    const std::string address = "10.0.0." + std::to_string(++client);
    CHECK(flood(datagram, address).answers == 20);
    CHECK(flood(query("localhost", rrtype::kA), address).answers < 10);  // they share one allowance
  }
  limit(0);
  CHECK(flood(chaos(), "10.0.0.1").answers == 300);
}

TEST_CASE_METHOD(Fixture, "when all places are taken, questions that have waited long make room for new ones",
                 "[query][limits][waiting]") {
  served.upstream.set([](const Wire& asked, bool) {
    return read(asked).question_name.starts_with("quick") ? ScriptedUpstream::default_script(asked, false)
                                                          : std::vector<Wire>{};
  });
  // 20,000 forged addresses, a thousand each for one of twenty names that nobody answers.
  Wire buffer(65535);
  const auto ask = [&](const Wire& asked, uint16_t host) {
    std::copy(asked.begin(), asked.end(), buffer.begin());
    ReplyPath path;
    path.sink = this;
    path.transport = Transport::kTcp;
    const std::array<uint8_t, 4> address{10, 0, static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)};
    path.peer.client = SocketAddress(IpAddress::v4(address), 4321);
    const uint64_t promised = served.pipeline().promised();
    served.pipeline().on_message(path, buffer, asked.size());
    return served.pipeline().promised() != promised;
  };
  size_t taken = 0;
  served.on_loop([&] {
    for (uint16_t name = 0; name < 21; ++name) {
      const Wire asked = query("n.d" + std::to_string(name) + ".example", rrtype::kA);
      for (uint16_t i = 0; i < 1000; ++i) {
        taken += ask(asked, static_cast<uint16_t>(1000 + name * 1000 + i)) ? 1U : 0U;
      }
    }
  });
  CHECK(taken == 20'000);  // nobody has waited long yet
  pass_time(milliseconds{250});
  served.on_loop([] {});
  bool is_full = false;  // on a machine that took seconds for all that the first have given up by now
  bool is_asked = false;
  served.on_loop([&] {
    is_full = served.pipeline().waiting() == 20'000;
    is_asked = ask(query("quick.other.example", rrtype::kA), 5);
  });
  CHECK(is_asked);
  CHECK(served.waiting() <= 20'001);
  CHECK((!is_full || served.becomes([&] { return replies >= 1000; })));  // who made room is told
}

}  // namespace cenote::pipeline_limits_test
