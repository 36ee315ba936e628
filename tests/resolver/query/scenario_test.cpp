// Runs every tests/scenarios/*.yaml against a real pipeline, cache, forwarder and compiled snapshot; only the
// upstream is scripted, and the clock moves when the scenario says so. tests/scenarios/README.md describes
// the steps. An event that is not expected fails, like one that is missing.
#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <map>

#include <catch2/catch.hpp>
#include <yaml-cpp/yaml.h>

#include "ioc/compiled_snapshot.h"
#include "ioc/snapshot_builder.h"
#include "resolver/query/pipeline.h"
#include "tests/support/dns_text.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/sockets.h"

namespace cenote::scenario_test {
namespace {

using test::Message;
using test::ScriptedUpstream;
using test::Wire;
using Texts = std::vector<std::string>;

template <typename T>
T get(const YAML::Node& node, const char* key, T otherwise) {
  return node[key] ? node[key].as<T>() : otherwise;
}

Indicator indicator_of(std::string text, bool allow) {
  Indicator made;
  made.allow = allow;
  if (const auto prefix = Prefix::from_text(text)) {
    made.kind = Indicator::Kind::kAddress;
    made.prefix = *prefix;
    return made;
  }
  made.scope = Scope::kSuffix;
  if (text.starts_with("=")) {
    made.scope = Scope::kExact;
    text.erase(0, 1);
  } else if (text.starts_with("*.")) {
    made.scope = Scope::kBelow;
    text.erase(0, 2);
  }
  made.name = Name::from_text(text).value();
  return made;
}

std::shared_ptr<const Snapshot> compile(const std::vector<YAML::Node>& feeds, uint64_t generation) {
  std::vector<FeedRun> runs(feeds.size());
  std::vector<FeedPart> parts;
  for (size_t i = 0; i < feeds.size(); ++i) {
    FeedSettings settings;
    settings.name = feeds[i]["feed"].as<std::string>();
    settings.category = get<std::string>(feeds[i], "category", "malware");
    settings.action = parse_action(get<std::string>(feeds[i], "action", "sinkhole")).value();
    const std::string client = get<std::string>(feeds[i], "client", "");
    for (const auto& entry : feeds[i]["list"]) {
      Indicator indicator = indicator_of(entry.as<std::string>(), settings.name == "exceptions");
      indicator.source_ref = client;
      if (feeds[i]["for"]) {
        milliseconds lasts{0};
        REQUIRE(parse_duration(feeds[i]["for"].as<std::string>(), lasts));
        indicator.valid_until = wall_now() + lasts;
      }
      runs[i].add(indicator, settings);
    }
    runs[i].finish();
    parts.push_back({settings.name, &runs[i]});
  }
  auto image = Image::from_bytes(build_snapshot(nullptr, parts, generation, 1).image);
  REQUIRE(image);
  auto snapshot = CompiledSnapshot::from_image(std::move(*image));
  REQUIRE(snapshot);
  return std::move(*snapshot);
}

PolicySettings policy_settings(const YAML::Node& groups) {
  PolicySettings settings;
  settings.sinkhole.ipv4.otherwise = IpAddress::v4({198, 51, 100, 1});
  settings.sinkhole.ipv6.otherwise = std::nullopt;
  for (const auto& each : groups) {
    GroupSettings group;
    group.name = each["name"].as<std::string>();
    group.from = {*Prefix::from_text(each["from"].as<std::string>())};
    for (const auto& action : each["actions"]) {
      group.actions[action.first.as<std::string>()] = parse_action(action.second.as<std::string>()).value();
    }
    settings.clients.groups.push_back(group);
  }
  return settings;
}

// What the scripted upstream says, by "name TYPE"; "*" for all others.
class UpstreamSide {
 public:
  UpstreamSide() {
    server.set([this](const Wire& query, bool over_tcp) { return answer(query, over_tcp); });
  }
  void say(const YAML::Node& node) {
    const std::lock_guard lock(mutex_);
    said_.clear();
    for (const auto& each : node) {
      said_[each.first.as<std::string>()] = each.second;
    }
  }
  ScriptedUpstream server;

 private:
  std::vector<Wire> answer(const Wire& query, bool over_tcp) {
    const std::lock_guard lock(mutex_);
    const Message asked = test::read(query);
    auto found = said_.find(asked.question_name + " " + type_text(asked.question_type));
    if (found == said_.end()) {
      found = said_.find("*");
    }
    if (found == said_.end()) {
      return {};
    }
    const YAML::Node& node = found->second;
    if (node.IsScalar() && node.as<std::string>() == "silent") {
      return {};
    }
    test::Reply reply(query);
    const std::string rcode = get<std::string>(node, "rcode", "NOERROR");
    reply.rcode(rcode == "SERVFAIL"   ? Rcode::kServFail
                : rcode == "REFUSED"  ? Rcode::kRefused
                : rcode == "NXDOMAIN" ? Rcode::kNxDomain
                                      : Rcode::kNoError);
    if (get(node, "truncated", false) && !over_tcp) {
      return {reply.truncated().wire()};
    }
    for (const auto& record : node["answer"]) {
      reply.answer(record.as<std::string>());
    }
    for (const auto& record : node["authority"]) {
      reply.authority(record.as<std::string>());
    }
    if (get(node, "ad", false)) {
      reply.authenticated();
    }
    if (node["ede"]) {
      reply.extended_error(node["ede"].as<uint16_t>(), get<std::string>(node, "ede_text", ""));
    }
    return {reply.wire()};
  }
  std::mutex mutex_;
  std::map<std::string, YAML::Node> said_;
};

// The resolver's side: a loop on its own thread, as a worker has it.
class World final : ReplySink {
 public:
  explicit World(const YAML::Node& scenario)
      : policy_(policy_settings(scenario["groups"])),
        cache_(cache_settings(scenario)),
        ring_(256 * 1024),
        blocked_(policy_.settings(), "help desk"),
        pipeline_(loop_, {policy_, cache_, ring_, blocked_, 1, {}}) {
    UpstreamSettings settings;
    UpstreamZone zone;
    zone.zone = Name::from_text(get<std::string>(scenario, "zone", ".")).value();
    zone.trust_ad = get(scenario, "trust_ad", false);
    UpstreamServer server;
    server.address = upstream.server.address();
    zone.servers.push_back(server);
    settings.zones.push_back(zone);
    forwarder_ = Forwarder::make(loop_, settings, random_, pipeline_.resolution_events());
    pipeline_.connect(*forwarder_);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~World() {
    loop_.stop();
    thread_.join();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Runs on the loop's thread, in a turn that has read the clock.
  void on_loop(const std::function<void()>& job) {
    std::promise<void> done;
    loop_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }

  void push(const YAML::Node& feed) {
    const auto known = std::find_if(feeds_.begin(), feeds_.end(), [&](const YAML::Node& each) {
      return each["feed"].as<std::string>() == feed["feed"].as<std::string>();
    });
    known == feeds_.end() ? feeds_.push_back(feed) : static_cast<void>(*known = YAML::Clone(feed));
    auto snapshot = compile(feeds_, ++generation_);
    on_loop([&] { policy_.adopt(snapshot); });
  }

  void pass(milliseconds much) {
    test::pass_time(much);
    on_loop([] {});  // libuv reads the clock once a turn: this ends the one that began before
    on_loop([] {});
  }

  // The answers to so many queries that come in one turn; empty ones for silence.
  std::vector<Wire> ask(const std::vector<Wire>& queries, Transport transport, const IpAddress& client) {
    std::vector<Wire> answers;
    size_t expected = 0;
    on_loop([&] {
      for (const Wire& query : queries) {
        ReplyPath path;
        path.sink = this;
        path.transport = transport;
        path.peer.client = SocketAddress(client, 4321);
        Wire buffer = query;
        buffer.resize(65535);
        const size_t before = pipeline_.waiting();
        const size_t size = pipeline_.on_message(path, buffer, query.size());
        if (size != 0 || pipeline_.waiting() == before) {
          answers.emplace_back(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(size));
        } else {
          ++expected;
        }
      }
    });
    // An upstream that keeps silent is waited for in steps of the shifted clock.
    for (int i = 0; i < 400; ++i) {
      std::unique_lock lock(mutex_);
      if (arrived_.wait_for(lock, milliseconds{i < 20 ? 25 : 10},
                            [&] { return later_.size() >= expected; })) {
        break;
      }
      lock.unlock();
      if (i >= 20) {
        pass(milliseconds{100});
      }
    }
    const std::lock_guard lock(mutex_);
    CHECK(later_.size() == expected);
    answers.insert(answers.end(), later_.begin(), later_.end());
    later_.clear();
    return answers;
  }

  Texts events() {
    Texts seen;
    const auto see = [&](std::span<const PackedEvent> events) {
      for (const PackedEvent packed : events) {
        const Event event(packed.view());
        seen.push_back(std::string(to_text(event.verdict.action)) + " " +
                       std::string(to_text(event.verdict.match)) + " " + event.name.to_text() + " by " +
                       std::string(event.verdict.feed.view()));
      }
    };
    while (ring_.drain(SIZE_MAX, see) != 0) {
    }
    return seen;
  }

  UpstreamSide upstream;

 private:
  static CacheSettings cache_settings(const YAML::Node& scenario) {
    CacheSettings settings{.bytes = 1 << 20};
    settings.serve_stale = get(scenario, "serve_stale", true) ? seconds{3600} : seconds{0};
    const auto cut = get<std::string>(scenario, "nxdomain_cut", "proven");
    settings.nxdomain_cut = cut == "all"   ? NxdomainCut::kAll
                            : cut == "off" ? NxdomainCut::kOff
                                           : NxdomainCut::kProven;
    return settings;
  }
  void reply(const ReplyPath&, Bytes message) noexcept override {
    const std::lock_guard lock(mutex_);
    later_.emplace_back(message.begin(), message.end());
    arrived_.notify_all();
  }

  Loop loop_;
  Random random_;
  Policy policy_;
  AnswerCache cache_;
  EventRing ring_;
  BlockedAnswer blocked_;
  Pipeline pipeline_;
  std::unique_ptr<Forwarder> forwarder_;
  std::vector<YAML::Node> feeds_;
  uint64_t generation_ = 0;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Wire> later_;
  std::thread thread_;
};

Wire query_of(const YAML::Node& step, const std::string& asked, uint16_t id) {
  test::QueryOptions options;
  options.id = id;
  for (const auto& flag : step["flags"]) {
    const auto text = flag.as<std::string>();
    options.dnssec_ok |= text == "do";
    options.checking_disabled |= text == "cd";
    options.recursion_desired &= text != "nord";
    options.edns &= text != "noedns";
  }
  options.klass = get<uint16_t>(step, "class", 1);
  options.udp_size = get<uint16_t>(step, "size", 1232);
  const size_t blank = asked.find(' ');
  return test::query(asked.substr(0, blank), parse_type(asked.substr(blank + 1)), options);
}

void check(const YAML::Node& expect, const Wire& wire, const std::string& asked) {
  if (get(expect, "silent", false)) {
    CHECK(wire.empty());
    return;
  }
  REQUIRE_FALSE(wire.empty());
  const Message read = test::read(wire);
  REQUIRE(read.ok);
  CHECK(read.question_name == asked.substr(0, asked.find(' ')));
  CHECK(rcode_text(read.rcode) == get<std::string>(expect, "rcode", "NOERROR"));
  CHECK(read.answers == get<Texts>(expect, "answer", {}));
  CHECK(read.tc == get(expect, "truncated", false));
  CHECK(read.ede == (expect["ede"] ? std::optional(expect["ede"].as<uint16_t>()) : std::nullopt));
  CHECK(read.ede_text.find(get<std::string>(expect, "ede_text", "")) != std::string::npos);
  CHECK(read.has_edns == get(expect, "edns", true));
  const std::string soa = get<std::string>(expect, "soa", "");
  CHECK((read.authorities.empty() ? "" : read.authorities[0].substr(0, read.authorities[0].find(' '))) ==
        soa);
  if (expect["soa_ttl"]) {
    CHECK(read.authorities.at(0).find(" " + expect["soa_ttl"].as<std::string>() + " IN SOA") !=
          std::string::npos);
  }
  CHECK(read.ra);
  CHECK(read.aa == get(expect, "aa", false));
}

void ask(World& world, const YAML::Node& step) {
  const auto asked = step["ask"].as<std::string>();
  const YAML::Node expect = step["expect"];
  const auto transport = get<std::string>(step, "over", "udp") == "tcp" ? Transport::kTcp : Transport::kUdp;
  const auto client = IpAddress::from_text(get<std::string>(step, "client", "10.0.0.5")).value();
  std::vector<Wire> queries;
  for (int i = 0; i < get(step, "times", 1); ++i) {
    queries.push_back(query_of(step, asked, static_cast<uint16_t>(100 + i)));
  }
  const unsigned before = world.upstream.server.queries() + world.upstream.server.tcp_queries();
  const auto answers = world.ask(queries, transport, client);
  REQUIRE(answers.size() == queries.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    check(expect, answers[i], asked);
    CHECK((answers[i].empty() || test::read(answers[i]).id == 100 + i));
  }
  if (expect["asked"]) {
    CHECK(world.upstream.server.queries() + world.upstream.server.tcp_queries() - before ==
          expect["asked"].as<unsigned>());
  }
  CHECK(world.events() == get<Texts>(expect, "events", {}));
}

void run(const YAML::Node& scenario) {
  World world(scenario);
  int number = 0;
  for (const auto& step : scenario["steps"]) {
    const std::string line =
        "step " + std::to_string(++number) + ", line " + std::to_string(step.Mark().line + 1);
    INFO(line);
    if (step["push"]) {
      world.push(step["push"]);
    } else if (step["upstream"]) {
      world.upstream.say(step["upstream"]);
    } else if (step["pass"]) {
      milliseconds much{0};
      REQUIRE(parse_duration(step["pass"].as<std::string>(), much));
      world.pass(much);
    } else {
      REQUIRE(step["ask"]);
      ask(world, step);
    }
  }
  CHECK(number > 1);
}

}  // namespace

TEST_CASE("every scenario plays as written", "[query][pipeline][scenario]") {
  size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(CENOTE_SOURCE_DIR "/tests/scenarios")) {
    if (file.path().extension() == ".yaml") {
      ++count;
      DYNAMIC_SECTION(file.path().stem().string()) {
        run(YAML::LoadFile(file.path().string()));
      }
    }
  }
  CHECK(count >= 15);
}

}  // namespace cenote::scenario_test
