#include "resolver/policy/policy.h"

#include <catch2/catch.hpp>

#include "ioc/feed.h"
#include "resolver/dns/records.h"
#include "tests/support/dns_text.h"
#include "tests/support/fake_snapshot.h"

namespace cenote::policy_test {
namespace {

using test::FakeSnapshot;
using test::Listed;
using test::query;
using test::Reply;
using test::Wire;

constexpr const char* kExceptions = "exceptions";

Name name(std::string_view text) {
  return Name::from_text(text).value();
}

Listed block(std::string what, Scope scope = Scope::kSuffix, Action action = Action::kSinkhole,
             std::string feed = "feed") {
  Listed made;
  made.what = std::move(what);
  made.scope = scope;
  made.action = action;
  made.feed = std::move(feed);
  return made;
}
Listed allow(std::string what, Scope scope = Scope::kSuffix, std::string feed = kExceptions) {
  return block(std::move(what), scope, Action::kAllow, std::move(feed));
}

PolicySettings settings_with_groups() {
  PolicySettings settings;
  settings.clients.groups = {
      {"office", {*Prefix::from_text("10.0.0.0/8")}, {}, {}},
      {"lab", {*Prefix::from_text("10.9.0.0/16")}, {}, {{"malware", Action::kMonitor}}},
      {"strict", {*Prefix::from_text("192.168.0.0/16")}, {}, {{"malware", Action::kDrop}}},
      {"trusted", {*Prefix::from_text("10.8.0.0/16")}, {}, {{"malware", Action::kAllow}}}};
  return settings;
}

struct Judge {
  Policy policy;
  Policy::Asker asker;

  explicit Judge(std::vector<Listed> listed, const PolicySettings& settings = {}) : policy(settings) {
    policy.adopt(std::make_shared<FakeSnapshot>(std::move(listed), 5));
    asker.address = IpAddress::v4({10, 1, 1, 1});
    asker.unix_time = 1000;
  }
  Judge& from(std::string_view address) {
    asker.address = *IpAddress::from_text(address);
    asker.group = policy.clients().group_of(asker.address);
    return *this;
  }
  [[nodiscard]] Action operator()(std::string_view asked) const {
    return policy.decide(name(asked), asker).action;
  }
  [[nodiscard]] Policy::Inspection inspect(const Wire& answer) const {
    return policy.inspect(answer, RecordReader(answer).question_name(), asker);
  }
  [[nodiscard]] Policy::Inspection inspect(const Reply& reply) const { return inspect(reply.wire()); }
};

Wire https_with_hint(std::array<uint8_t, 4> hint) {
  Wire out = Reply(query("a.test", rrtype::kHttps)).wire();
  out[7] = 1;
  for (const int byte : {0xC0, 12, 0, 65, 0, 1, 0, 0, 0, 60, 0, 11, 0, 1, 0, 0, 4, 0, 4}) {
    out.push_back(static_cast<uint8_t>(byte));
  }
  out.insert(out.end(), hint.begin(), hint.end());
  return out;
}

}  // namespace

TEST_CASE("precedence: what several entries make of one name", "[policy]") {
  const auto [what, listed, asked, expected] =
      GENERATE(table<std::string, std::vector<Listed>, std::string, Action>({
          {"nothing lists it", {block("x.test")}, "y.test", Action::kPass},
          {"a listed parent blocks its children", {block("x.test")}, "a.b.x.test", Action::kSinkhole},
          {"an exact entry does not", {block("x.test", Scope::kExact)}, "a.x.test", Action::kPass},
          {"below covers the children", {block("x.test", Scope::kBelow)}, "a.x.test", Action::kSinkhole},
          {"below spares the name", {block("x.test", Scope::kBelow)}, "x.test", Action::kPass},
          {"an exception beats an entry of its depth",
           {block("x.test"), allow("x.test")},
           "x.test",
           Action::kPass},
          {"also a hosts file's exact one",
           {block("x.test", Scope::kExact), allow("x.test")},
           "x.test",
           Action::kPass},
          {"and one above it", {block("x.test"), allow("www.x.test")}, "www.x.test", Action::kPass},
          {"but only there", {block("x.test"), allow("www.x.test")}, "mail.x.test", Action::kSinkhole},
          {"a deeper entry beats the exception",
           {block("www.x.test"), allow("x.test")},
           "www.x.test",
           Action::kSinkhole},
          {"an exact exception spares the name alone",
           {block("x.test"), allow("x.test", Scope::kExact)},
           "a.x.test",
           Action::kSinkhole},
          {"a feed's own allow holds for itself",
           {block("x.test", Scope::kSuffix, Action::kNxdomain, "a"), allow("x.test", Scope::kSuffix, "a")},
           "x.test",
           Action::kPass},
          {"not for another feed",
           {block("x.test", Scope::kSuffix, Action::kNxdomain, "b"), allow("x.test", Scope::kSuffix, "a")},
           "x.test",
           Action::kNxdomain},
          {"a block beats a deeper monitor",
           {block("x.test", Scope::kSuffix, Action::kNxdomain),
            block("a.x.test", Scope::kExact, Action::kMonitor, "m")},
           "a.x.test",
           Action::kNxdomain},
          {"monitor alone records",
           {block("x.test", Scope::kSuffix, Action::kMonitor)},
           "x.test",
           Action::kMonitor},
          {"the deeper block acts",
           {block("x.test", Scope::kSuffix, Action::kNxdomain),
            block("a.x.test", Scope::kSuffix, Action::kRefuse, "b")},
           "a.x.test",
           Action::kRefuse},
          {"exact goes before suffix",
           {block("x.test", Scope::kSuffix, Action::kNxdomain),
            block("x.test", Scope::kExact, Action::kDrop, "b")},
           "x.test",
           Action::kDrop},
      }));
  CAPTURE(what);
  CHECK(Judge(listed)(asked) == expected);
}

TEST_CASE("no number of deeper entries hides another feed's block, or an exception", "[policy]") {
  std::vector<Listed> listed{block("evil.test")};
  std::string deep = "evil.test";
  for (int i = 0; i < 100; ++i) {
    deep.insert(0, i % 2 == 0 ? "a." : "b.");
    listed.push_back(block(deep, Scope::kSuffix, Action::kMonitor, "mon"));
    listed.push_back(block(deep, Scope::kBelow, Action::kMonitor, "mon"));
  }
  const Judge judge(listed);
  CHECK(judge(deep) == Action::kSinkhole);
  CHECK(judge("x." + deep) == Action::kSinkhole);
  CHECK(judge.policy.explain(name("x." + deep), judge.asker).size() == 201);
  listed.push_back(allow("evil.test"));
  CHECK(Judge(listed)("x." + deep) == Action::kMonitor);
  std::vector<Listed> blocks;
  for (int bits = 0; bits <= 32; ++bits) {
    blocks.push_back(block("0.0.0.0/" + std::to_string(bits), Scope::kExact, Action::kMonitor, "mon"));
    blocks.push_back(block("0.0.0.0/" + std::to_string(bits), Scope::kExact, Action::kMonitor, "more"));
  }
  blocks.push_back(block("0.0.0.0/1"));
  CHECK(Judge(blocks).policy.decide(IpAddress(), {}).action == Action::kSinkhole);
}

TEST_CASE("of forty feeds that list a name at four levels the last one decides", "[policy]") {
  std::vector<Listed> listed;
  const std::array levels{"evil.test", "c.evil.test", "b.c.evil.test", "a.b.c.evil.test"};
  for (int i = 0; i < 40; ++i) {
    for (const char* level : levels) {
      listed.push_back(block(level, Scope::kSuffix, i == 39 ? Action::kSinkhole : Action::kMonitor,
                             "f" + std::to_string(i)));
    }
  }
  CHECK(Judge(listed)("a.b.c.evil.test") == Action::kSinkhole);
  listed.push_back(allow("a.b.c.evil.test"));  // the 161st entry
  CHECK(Judge(listed)("a.b.c.evil.test") == Action::kPass);
  CHECK(Judge(listed)("b.c.evil.test") == Action::kSinkhole);
}

TEST_CASE("a feed's own allow lifts its entries as deep as its own deepest one, among many", "[policy]") {
  std::vector<Listed> listed;
  for (int i = 0; i < 40; ++i) {
    const std::string feed = "f" + std::to_string(i);
    listed.push_back(block("x.test", Scope::kSuffix, Action::kNxdomain, feed));
    listed.push_back(allow("a.x.test", Scope::kSuffix, feed));
    listed.push_back(allow("x.test", Scope::kExact, feed));
  }
  CHECK(Judge(listed)("a.x.test") == Action::kPass);
  CHECK(Judge(listed)("x.test") == Action::kPass);
  CHECK(Judge(listed)("b.x.test") == Action::kNxdomain);
  listed.push_back(block("x.test"));
  CHECK(Judge(listed)("a.x.test") == Action::kSinkhole);
}

TEST_CASE("of equal entries the graver category speaks, then confidence, then the newest", "[policy]") {
  Listed phishing = block("x.test", Scope::kSuffix, Action::kSinkhole, "p");
  phishing.category = "phishing";
  Listed c2 = block("x.test", Scope::kSuffix, Action::kSinkhole, "c");
  c2.category = "c2";
  c2.confidence = 10;
  const auto winner = [](std::vector<Listed> listed) {
    const Judge judge(std::move(listed));
    return std::string(judge.policy.decide(name("x.test"), judge.asker).feed.view());
  };
  CHECK(winner({phishing, c2}) == "c");
  Listed surer = phishing;
  surer.feed = "s";
  surer.confidence = 90;
  CHECK(winner({phishing, surer}) == "s");
  Listed newer = phishing;
  newer.feed = "n";
  newer.first_seen = 10;
  CHECK(winner({phishing, newer}) == "n");
}

TEST_CASE("an entry is valid from its first second to before its last", "[policy]") {
  Listed bounded = block("x.test");
  bounded.valid_from = 500;
  bounded.valid_until = 1000;
  Judge judge({bounded});
  const auto [time, action] = GENERATE(table<int64_t, Action>(
      {{499, Action::kPass}, {500, Action::kSinkhole}, {999, Action::kSinkhole}, {1000, Action::kPass}}));
  judge.asker.unix_time = time;
  CHECK(judge("x.test") == action);
}

TEST_CASE("an exception that is over excepts nothing", "[policy]") {
  Listed over = allow("x.test");
  over.valid_until = 1000;
  Judge judge({block("x.test"), over});
  judge.asker.unix_time = 999;
  CHECK(judge("x.test") == Action::kPass);
  judge.asker.unix_time = 1000;
  CHECK(judge("x.test") == Action::kSinkhole);
}

TEST_CASE("an exception may be bound to some clients", "[policy]") {
  Listed bound = allow("x.test");
  bound.source_ref = "10.1.0.0/16";
  Judge judge({block("x.test"), bound});
  CHECK(judge.from("10.1.2.3")("x.test") == Action::kPass);
  CHECK(judge.from("10.2.2.3")("x.test") == Action::kSinkhole);
  CHECK(judge.from("2001:db8::1")("x.test") == Action::kSinkhole);
  bound.source_ref = "not a prefix";
  CHECK(Judge({block("x.test"), bound}).from("10.1.2.3")("x.test") == Action::kSinkhole);
}

TEST_CASE("an exception may be bound to a group of clients", "[policy]") {
  Listed bound = allow("x.test");
  bound.source_ref = for_group("lab");
  PolicySettings settings = settings_with_groups();
  settings.clients.groups[1].actions.clear();
  settings.clients.groups[1].names = {"kiosk-7"};
  Judge judge({block("x.test"), bound}, settings);
  CHECK(judge.from("10.9.1.1")("x.test") == Action::kPass);
  CHECK(judge.policy.decide(name("x.test"), judge.asker).excepted);
  CHECK(judge.from("10.1.1.1")("x.test") == Action::kSinkhole);    // another group
  CHECK(judge.from("172.16.0.1")("x.test") == Action::kSinkhole);  // none
  // Who says its name is in the group wherever it asks from.
  judge.asker.group = judge.policy.clients().group_of(judge.asker.address, "kiosk-7");
  CHECK(judge("x.test") == Action::kPass);
}

TEST_CASE("an exception for a group that is not configured excepts nobody", "[policy]") {
  const std::string whom =
      GENERATE(as<std::string>{}, "group:gone", "group:la", "group:lab2", "group:", "lab");
  CAPTURE(whom);
  Listed bound = allow("x.test");
  bound.source_ref = whom;
  Judge judge({block("x.test"), bound}, settings_with_groups());
  CHECK(judge.from("10.9.1.1")("x.test") == Action::kMonitor);
  CHECK(judge.from("172.16.0.1")("x.test") == Action::kSinkhole);  // in no group: its name is empty
}

TEST_CASE("a group's action stands in for the feed's", "[policy]") {
  Judge judge({block("x.test")}, settings_with_groups());
  const auto [client, action] =
      GENERATE(table<std::string, Action>({{"10.1.1.1", Action::kSinkhole},
                                           {"10.9.1.1", Action::kMonitor},  // longest prefix
                                           {"10.8.1.1", Action::kPass},
                                           {"192.168.1.1", Action::kDrop},
                                           {"172.16.0.1", Action::kSinkhole}}));
  CAPTURE(client);
  CHECK(judge.from(client)("x.test") == action);
}

TEST_CASE("a group's action does not undo an exception", "[policy]") {
  Judge judge({block("x.test"), allow("x.test")}, settings_with_groups());
  CHECK(judge.from("192.168.1.1")("x.test") == Action::kPass);
}

TEST_CASE("a verdict says why", "[policy]") {
  Listed listed = block("x.test", Scope::kSuffix, Action::kNxdomain, "urls");
  listed.threat = "Example.Stealer";
  const Judge judge({listed});
  const Verdict verdict = judge.policy.decide(name("a.x.test"), judge.asker);
  CHECK(verdict.blocks());
  CHECK(verdict.match == MatchKind::kQuestion);
  CHECK(verdict.matched == name("a.x.test"));
  CHECK(verdict.depth == 2);
  CHECK(verdict.generation == 5);
  CHECK(verdict.feed.view() == "urls");
  CHECK(verdict.category.view() == "malware");
  CHECK(verdict.threat.view() == "Example.Stealer");
}

TEST_CASE("NXDOMAIN is not said of a name whose children may live", "[policy]") {  // RFC 8020
  const auto [what, listed, asked, keeps] =
      GENERATE(table<std::string, std::vector<Listed>, std::string, bool>({
          {"a whole subtree", {block("x.test", Scope::kSuffix, Action::kNxdomain)}, "x.test", false},
          {"a name in it", {block("x.test", Scope::kSuffix, Action::kNxdomain)}, "a.x.test", false},
          {"the name alone", {block("x.test", Scope::kExact, Action::kNxdomain)}, "x.test", true},
          {"with an allowed child",
           {block("x.test", Scope::kSuffix, Action::kNxdomain), allow("a.x.test")},
           "x.test",
           true},
          {"beside it",
           {block("x.test", Scope::kSuffix, Action::kNxdomain), allow("a.x.test")},
           "b.x.test",
           false},
      }));
  CAPTURE(what);
  const Judge judge(listed);
  const Verdict verdict = judge.policy.decide(name(asked), judge.asker);
  CHECK(verdict.action == Action::kNxdomain);
  CHECK(verdict.keeps_children == keeps);
}

TEST_CASE("an answer is judged by every name and address in it", "[policy][inspect]") {
  const Judge judge(
      {block("hop.test"), block("203.0.113.0/24"), block("2001:db8:bad::/48"), block("svc.test")});
  const auto check = [&](const Reply& reply, MatchKind match) {
    const auto inspection = judge.inspect(reply);
    CHECK(inspection.verdict.match == match);
    CHECK(inspection.verdict.blocks() == (match != MatchKind::kNone));
    CHECK(inspection.untouched == (match == MatchKind::kNone));
    return inspection.verdict;
  };
  const Reply a(query("a.test", rrtype::kA));
  const Verdict hop =
      check(Reply(a).answer("a.test. 5 IN CNAME www.hop.test.").answer("www.hop.test. 5 IN A 192.0.2.1"),
            MatchKind::kCname);
  CHECK(hop.matched == name("www.hop.test"));
  const Verdict address = check(
      Reply(a).answer("a.test. 5 IN A 192.0.2.1").answer("a.test. 5 IN A 203.0.113.9"), MatchKind::kAddress);
  CHECK(address.address == IpAddress::v4({203, 0, 113, 9}));
  CHECK(address.matched == name("a.test"));
  check(Reply(query("a.test", rrtype::kAaaa)).answer("a.test. 5 IN AAAA 2001:db8:bad::1"),
        MatchKind::kAddress);
  check(Reply(query("a.test", rrtype::kAaaa)).answer("a.test. 5 IN AAAA ::ffff:203.0.113.9"),
        MatchKind::kAddress);
  check(Reply(query("a.test", rrtype::kHttps)).answer("a.test. 5 IN HTTPS 1 a.svc.test. alpn=h2"),
        MatchKind::kServiceTarget);
  check(Reply(a).answer("a.test. 5 IN A 192.0.2.1"), MatchKind::kNone);
  // Only answers count: a SOA or glue of a listed name stops nothing.
  check(Reply(a).authority("hop.test. 5 IN SOA ns.hop.test. root.hop.test. 1 2 3 4 5"), MatchKind::kNone);
}

TEST_CASE("a hint of a service binding is an address like any other",
          "[policy][inspect]") {  // RFC 9460 section 7.3
  const Judge judge({block("203.0.113.0/24")});
  CHECK(judge.inspect(https_with_hint({203, 0, 113, 7})).verdict.match == MatchKind::kServiceHint);
  CHECK(judge.inspect(https_with_hint({192, 0, 2, 7})).untouched);
}

TEST_CASE("an IPv6 address is judged with the IPv4 address inside of it", "[policy][inspect]") {
  const Judge judge({block("203.0.113.0/24"), block("64:ff9b::/96", Scope::kSuffix, Action::kMonitor, "v6")});
  const Reply asked(query("a.test", rrtype::kAaaa));
  const auto inspect = [&](const std::string& address) {
    return judge.inspect(Reply(asked).answer("a.test. 5 IN AAAA " + address));
  };
  for (const char* address : {"64:ff9b::203.0.113.5", "2002:cb00:7105::1", "::203.0.113.5",
                              "2001:0:4136:e378:8000:63bf:34ff:8efa", "64:ff9b:1::203.0.113.5"}) {
    CAPTURE(address);
    const Verdict verdict = inspect(address).verdict;
    CHECK(verdict.action == Action::kSinkhole);
    CHECK(verdict.match == MatchKind::kAddress);
    CHECK(verdict.address == IpAddress::v4({203, 0, 113, 5}));
    CHECK(judge.policy.decide(*IpAddress::from_text(address), judge.asker).blocks());
  }
  CHECK(inspect("64:ff9b::192.0.2.5").verdict.action == Action::kMonitor);
  CHECK(inspect("2002:c000:0205::1").untouched);
}

TEST_CASE("the sinkhole's own address is not judged again", "[policy][inspect]") {  // RPZ section 6.1
  PolicySettings settings;
  settings.sinkhole.ipv4.otherwise = IpAddress::v4({203, 0, 113, 80});
  settings.sinkhole.ipv4.of["c2"] = IpAddress::v4({203, 0, 113, 81});
  const Judge judge({block("203.0.113.0/24")}, settings);
  const Reply a(query("a.test", rrtype::kA));
  CHECK(judge.inspect(Reply(a).answer("a.test. 5 IN A 203.0.113.80")).untouched);
  CHECK(judge.inspect(Reply(a).answer("a.test. 5 IN A 203.0.113.81")).untouched);
  CHECK(judge.inspect(Reply(a).answer("a.test. 5 IN A 203.0.113.82")).verdict.blocks());
}

TEST_CASE("an answer that an entry covers for somebody else is looked at again", "[policy][inspect]") {
  Judge judge({block("hop.test")}, settings_with_groups());
  judge.from("10.8.1.1");  // allowed for this group
  const auto inspection =
      judge.inspect(Reply(query("a.test", rrtype::kA)).answer("a.test. 5 IN CNAME hop.test."));
  CHECK(inspection.verdict.action == Action::kPass);
  CHECK_FALSE(inspection.untouched);
}

TEST_CASE("what acts is preferred to what only records", "[policy][inspect]") {
  const Judge judge({block("watched.test", Scope::kSuffix, Action::kMonitor), block("203.0.113.0/24")});
  const auto inspection = judge.inspect(Reply(query("a.test", rrtype::kA))
                                            .answer("a.test. 5 IN CNAME watched.test.")
                                            .answer("watched.test. 5 IN A 203.0.113.1"));
  CHECK(inspection.verdict.match == MatchKind::kAddress);
}

TEST_CASE("the whole way to a decision is told", "[policy][explain]") {
  using Fate = Consideration::Fate;
  Listed over = block("x.test", Scope::kSuffix, Action::kNxdomain, "old");
  over.valid_until = 10;
  Listed later = block("x.test", Scope::kSuffix, Action::kNxdomain, "later");
  later.valid_from = 5000;
  Listed bound = allow("x.test");
  bound.source_ref = "192.0.2.0/24";
  const Judge judge(
      {block("a.x.test"), block("x.test", Scope::kSuffix, Action::kNxdomain, "b"), over, later, bound});
  std::map<std::string, Fate> fates;
  for (const auto& each : judge.policy.explain(name("a.x.test"), judge.asker)) {
    fates[judge.policy.snapshot()->feeds()[each.record.feed].name] = each.fate;
  }
  CHECK(fates == std::map<std::string, Fate>{{"feed", Fate::kWon},
                                             {"b", Fate::kOutranked},
                                             {"old", Fate::kExpired},
                                             {"later", Fate::kNotYetValid},
                                             {kExceptions, Fate::kOtherClient}});
}

TEST_CASE("without a snapshot nothing is listed", "[policy]") {
  const Policy policy{PolicySettings{}};
  CHECK(policy.decide(name("x.test"), {}).action == Action::kPass);
  CHECK(policy.generation() == 0);
  CHECK(policy.explain(name("x.test"), {}).empty());
}

TEST_CASE("adopting a snapshot gives the old one back", "[policy]") {
  Policy policy{PolicySettings{}};
  const auto first = std::make_shared<FakeSnapshot>(std::vector<Listed>{block("x.test")}, 1);
  CHECK(policy.adopt(first) == nullptr);
  CHECK(policy.adopt(std::make_shared<FakeSnapshot>(std::vector<Listed>{}, 2)) == first);
  CHECK(policy.generation() == 2);
  CHECK(policy.decide(name("x.test"), {}).action == Action::kPass);
}

TEST_CASE("only those who are allowed may ask", "[policy][clients]") {  // RFC 5358
  const Clients clients{ClientSettings{}};
  for (const char* inside : {"127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"}) {
    CHECK(clients.may_ask(*IpAddress::from_text(inside), false));
  }
  for (const char* outside : {"192.0.2.1", "2001:db8::1", "11.0.0.1", "172.32.0.1"}) {
    CHECK_FALSE(clients.may_ask(*IpAddress::from_text(outside), false));
  }
}

TEST_CASE("a short text is cut on a whole character", "[policy][verdict]") {
  CHECK(ShortText<4>("ab").view() == "ab");
  CHECK(ShortText<4>("a\xe3\x81\x82\xe3\x81\x84").view() == "a\xe3\x81\x82");
  CHECK(ShortText<3>("ab\xe3\x81\x82").view() == "ab");
  CHECK(ShortText<2>("").view().empty());
}

}  // namespace cenote::policy_test
