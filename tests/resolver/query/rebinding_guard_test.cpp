#include "resolver/query/rebinding_guard.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"

namespace cenote::rebinding_guard_test {
namespace {

using test::Wire;
using Guard = RebindingSettings::Guard;
using Findings = AnswerCache::Entry::Findings;

const Name kAsked = *Name::from_text("www.example.com");

Wire answer(const std::string& record, uint16_t type = rrtype::kA) {
  return test::Reply(test::query("www.example.com", type)).answer("www.example.com. 60 IN " + record).wire();
}

bool leads_inside(const Wire& message, const Name& question, const Policy& policy) {
  return leads_to(message, question, policy) == LeadsTo::kInside;
}
bool withholds(const RebindingGuard& guard, const char* name, const Wire& message, const Policy& policy,
               Findings& findings) {
  return guard.judge(*Name::from_text(name), message, policy, findings) != LeadsTo::kOutside;
}

// Zone 0 is the root's.
ServerPool pool(const char* root_server) {
  UpstreamServer server;
  server.address = *SocketAddress::from_text(root_server);
  UpstreamZone root;
  root.servers = {server};
  UpstreamZone own = root;
  own.zone = *Name::from_text("corp.example");
  return ServerPool({{root, own}});
}

bool covers(Guard guard, const char* root_server, const char* zone) {
  const ServerPool servers = pool(root_server);
  RebindingGuard made({guard, {}});
  made.connect(servers);
  return made.covers(*servers.zone_of(*Name::from_text(zone)));
}

}  // namespace

TEST_CASE("addresses that lead inside are private, shared, link-local or the host itself",
          "[query][rebinding]") {
  for (const char* inner : {"0.0.0.0",
                            "10.0.0.1",
                            "10.255.255.255",
                            "100.64.0.1",
                            "127.0.0.1",
                            "127.255.0.2",
                            "169.254.169.254",
                            "172.16.0.1",
                            "172.31.255.255",
                            "192.168.1.1",
                            "::",
                            "::1",
                            "fc00::1",
                            "fd12:3456::1",
                            "fe80::1",
                            "fec0::1",
                            "::ffff:10.0.0.1",
                            "::ffff:127.0.0.1",
                            "64:ff9b::10.0.0.1",
                            "64:ff9b::c0a8:101",
                            "64:ff9b:1::10.0.0.1",
                            "2002:a00:1::1",
                            "::10.0.0.1",
                            "2001:db8::5efe:10.0.0.1"}) {
    CAPTURE(inner);
    CHECK(is_inner(*IpAddress::from_text(inner)));
  }
  for (const char* outer : {"1.1.1.1",
                            "9.255.255.255",
                            "11.0.0.0",
                            "100.63.255.255",
                            "100.128.0.0",
                            "128.0.0.0",
                            "169.253.0.1",
                            "172.15.255.255",
                            "172.32.0.0",
                            "192.0.2.1",
                            "192.167.0.1",
                            "192.169.0.1",
                            "2001:db8::1",
                            "::2",
                            "fbff::1",
                            "fe7f::1",
                            "::ffff:192.0.2.1",
                            "64:ff9b::192.0.2.1",
                            "64:ff9b:1::192.0.2.1",
                            "2002:c000:201::1"}) {
    CAPTURE(outer);
    CHECK_FALSE(is_inner(*IpAddress::from_text(outer)));
  }
}

TEST_CASE("an answer leads inside by an address or a hint in it", "[query][rebinding]") {
  const Policy policy{PolicySettings{}};
  CHECK(leads_inside(answer("A 192.168.0.1"), kAsked, policy));
  CHECK(leads_inside(answer("AAAA fd00::1", rrtype::kAaaa), kAsked, policy));
  CHECK(leads_inside(answer("AAAA ::ffff:10.0.0.1", rrtype::kAaaa), kAsked, policy));
  CHECK(
      leads_inside(answer("HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,10.0.0.1", rrtype::kHttps), kAsked, policy));
  CHECK(leads_inside(answer("SVCB 1 . ipv6hint=fe80::1", rrtype::kSvcb), kAsked, policy));
  CHECK_FALSE(leads_inside(answer("A 192.0.2.1"), kAsked, policy));
  CHECK_FALSE(leads_inside(answer("HTTPS 1 . ipv4hint=192.0.2.1", rrtype::kHttps), kAsked, policy));
  CHECK_FALSE(leads_inside(answer("TXT \"10.0.0.1\"", rrtype::kTxt), kAsked, policy));
  const Wire mixed = test::Reply(test::query("www.example.com", rrtype::kA))
                         .answer("www.example.com. 60 IN CNAME b.example.com.")
                         .answer("b.example.com. 60 IN A 192.0.2.1")
                         .answer("b.example.com. 60 IN A 172.20.0.1")
                         .wire();
  CHECK(leads_inside(mixed, kAsked, policy));
}

TEST_CASE("what an upstream Cenote answers with, the block page's address, is let through",
          "[query][rebinding]") {
  PolicySettings settings;
  settings.sinkhole.ipv4.of["c2"] = IpAddress::from_text("10.0.0.67");
  const Policy policy(settings);
  CHECK_FALSE(leads_inside(answer("A 10.0.0.67"), kAsked, policy));
  CHECK(leads_inside(answer("A 10.0.0.66"), kAsked, policy));
  CHECK(leads_inside(answer("A 127.0.0.1"), kAsked, policy));  // the default, for a trial on one machine
}

TEST_CASE("an answer of 0.0.0.0 or :: alone is a filter's, and leads nowhere", "[query][rebinding]") {
  const Policy policy{PolicySettings{}};
  const auto of = [&](const std::vector<std::string>& records, uint16_t type = rrtype::kA) {
    test::Reply reply(test::query("www.example.com", type));
    for (const std::string& record : records) {
      reply.answer("www.example.com. 60 IN " + record);
    }
    return leads_to(reply.wire(), kAsked, policy);
  };
  CHECK(of({"A 0.0.0.0"}) == LeadsTo::kNowhere);
  CHECK(of({"A 0.0.0.0", "A 0.0.0.0"}) == LeadsTo::kNowhere);
  CHECK(of({"AAAA ::"}, rrtype::kAaaa) == LeadsTo::kNowhere);
  CHECK(of({"AAAA ::ffff:0.0.0.0"}, rrtype::kAaaa) == LeadsTo::kNowhere);
  CHECK(of({"AAAA 64:ff9b::0.0.0.0"}, rrtype::kAaaa) == LeadsTo::kNowhere);
  CHECK(of({"HTTPS 1 . ipv4hint=0.0.0.0"}, rrtype::kHttps) == LeadsTo::kNowhere);
  CHECK(of({}) == LeadsTo::kOutside);
  CHECK(of({"A 192.0.2.1"}) == LeadsTo::kOutside);
  // No filter answers so: the rest of 0/8, and a second address that a page could be loaded from.
  CHECK(of({"A 0.0.0.1"}) == LeadsTo::kInside);
  CHECK(of({"A 0.0.0.0", "A 192.0.2.1"}) == LeadsTo::kInside);
  CHECK(of({"A 192.0.2.1", "A 0.0.0.0"}) == LeadsTo::kInside);
  CHECK(of({"A 0.0.0.0", "A 10.0.0.1"}) == LeadsTo::kInside);
  CHECK(of({"AAAA ::1"}, rrtype::kAaaa) == LeadsTo::kInside);
}

TEST_CASE("what leads nowhere is kept back, too, but where the name is excepted", "[query][rebinding]") {
  const Policy policy{PolicySettings{}};
  const RebindingGuard guard({Guard::kOn, {*Name::from_text("plex.example")}});
  Findings findings;
  const Wire nowhere = answer("A 0.0.0.0");
  CHECK(guard.judge(kAsked, nowhere, policy, findings) == LeadsTo::kNowhere);
  CHECK(findings.leads_to(1) == LeadsTo::kNowhere);
  CHECK(guard.judge(kAsked, nowhere, policy, findings) == LeadsTo::kNowhere);
  CHECK(guard.judge(*Name::from_text("plex.example"), nowhere, policy, findings) == LeadsTo::kOutside);
}

TEST_CASE("the guard is on for the root zone where its servers are outside, or where it is told to be",
          "[query][rebinding]") {
  CHECK(covers(Guard::kAuto, "192.0.2.53:53", "www.example.com"));
  CHECK_FALSE(covers(Guard::kAuto, "10.0.0.53:53", "www.example.com"));
  CHECK_FALSE(covers(Guard::kAuto, "127.0.0.1:53", "www.example.com"));
  CHECK(covers(Guard::kOn, "10.0.0.53:53", "www.example.com"));
  CHECK_FALSE(covers(Guard::kOff, "192.0.2.53:53", "www.example.com"));
  // A zone with servers of its own is as it is meant.
  CHECK_FALSE(covers(Guard::kOn, "192.0.2.53:53", "dc.corp.example"));
}

TEST_CASE("names that may lead inside are let through, and what was found is not looked for again",
          "[query][rebinding]") {
  const Policy policy{PolicySettings{}};
  const RebindingGuard guard({Guard::kOn, {*Name::from_text("plex.example")}});
  const Wire inside = answer("A 10.0.0.1");
  Findings findings;
  CHECK(withholds(guard, "www.example.com", inside, policy, findings));
  CHECK(findings.leads_to(1) == LeadsTo::kInside);
  CHECK_FALSE(withholds(guard, "a.plex.example", inside, policy, findings));
  CHECK_FALSE(withholds(guard, "plex.example", inside, policy, findings));
  CHECK(withholds(guard, "notplex.example", inside, policy, findings));
  findings.set_leads_to(1, LeadsTo::kOutside);
  CHECK_FALSE(withholds(guard, "www.example.com", inside, policy, findings));
}

TEST_CASE("after a reload an answer is looked at again, for the block page may be at another address",
          "[query][rebinding]") {
  PolicySettings settings;
  settings.sinkhole.ipv4.otherwise = IpAddress::from_text("10.0.0.66");
  const Policy before(settings);
  settings.sinkhole.ipv4.otherwise = IpAddress::from_text("10.0.0.77");
  const Policy after(settings);
  const ServerPool servers = pool("192.0.2.53:53");
  RebindingGuard guard({Guard::kOn, {}});
  const Wire page = answer("A 10.0.0.66");
  Findings findings;
  CHECK_FALSE(withholds(guard, "www.example.com", page, before, findings));
  CHECK_FALSE(withholds(guard, "www.example.com", page, after, findings));
  guard.reload({Guard::kOn, {}}, servers, 2);
  CHECK(withholds(guard, "www.example.com", page, after, findings));
  CHECK(guard.covers(*servers.zone_of(*Name::from_text("www.example.com"))));
}

}  // namespace cenote::rebinding_guard_test
