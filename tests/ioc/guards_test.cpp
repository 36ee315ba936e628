#include "ioc/guards.h"

#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.h"

namespace cenote::guards_test {
namespace {

Indicator entry(std::string_view name, Scope scope, bool from_url = false) {
  Indicator indicator;
  indicator.name = *Name::from_text(name);
  indicator.scope = scope;
  indicator.from_url = from_url;
  return indicator;
}

Indicator block(std::string_view text) {
  Indicator indicator;
  indicator.kind = Indicator::Kind::kAddress;
  indicator.prefix = *Prefix::from_text(text);
  return indicator;
}

std::string reason(const Guards& guards, const Indicator& indicator) {
  const auto held = guards.check(indicator);
  return held ? std::string(held->reason) : "";
}

}  // namespace

TEST_CASE("an entry is held when it covers a top site, however it does", "[ioc][guards]") {
  const Guards guards = Guards::load({}, ".");
  CHECK(reason(guards, entry("google.com", Scope::kExact)) == "top_site");
  CHECK(reason(guards, entry("google.com", Scope::kSuffix)) == "top_site");
  CHECK(reason(guards, entry("www.google.com", Scope::kExact)) == "top_site");
  CHECK(reason(guards, entry("microsoftonline.com", Scope::kBelow)) == "top_site");  // login. is below it
  CHECK(reason(guards, entry("login.microsoftonline.com", Scope::kExact)) == "top_site");
}

TEST_CASE("what lies below a popular name is not held, for that is where attackers rent", "[ioc][guards]") {
  const Guards guards = Guards::load({}, ".");
  CHECK(reason(guards, entry("evil-tenant.google.com", Scope::kSuffix)).empty());
  CHECK(reason(guards, entry("evil.example", Scope::kSuffix)).empty());
  CHECK(reason(guards, entry("notgoogle.com", Scope::kSuffix)).empty());
  // Nothing that is guarded is strictly below this one.
  CHECK(reason(guards, entry("a.root-servers.net", Scope::kBelow)).empty());
}

TEST_CASE("an allow entry is never held", "[ioc][guards]") {
  const Guards guards = Guards::load({}, ".");
  Indicator allow = entry("google.com", Scope::kSuffix);
  allow.allow = true;
  CHECK_FALSE(guards.check(allow));
}

TEST_CASE("hosts that Cenote and its clients need are protected", "[ioc][guards]") {
  GuardSettings settings;
  settings.names = {"dns.example.net", "198.51.100.7"};
  const Guards guards = Guards::load(settings, ".");
  CHECK(reason(guards, entry("dns.example.net", Scope::kExact)) == "protected_name");
  CHECK(reason(guards, entry("example.net", Scope::kSuffix)) == "protected_name");
  CHECK(reason(guards, entry("example.net", Scope::kExact)).empty());
  CHECK(reason(guards, block("198.51.100.7")) == "protected_name");
  CHECK(reason(guards, block("198.51.100.0/24")) == "protected_name");
  CHECK(reason(guards, block("198.51.101.0/24")).empty());
  CHECK(reason(guards, entry("ocsp.digicert.com", Scope::kExact)) == "protected_name");
  CHECK(reason(guards, entry("download.windowsupdate.com", Scope::kExact)) == "protected_name");
}

TEST_CASE("an address block is held when it is wider than the settings allow", "[ioc][guards]") {
  const Guards guards = Guards::load({}, ".");
  CHECK(reason(guards, block("198.51.0.0/23")) == "wide_block");
  CHECK(reason(guards, block("198.51.100.0/24")).empty());
  CHECK(reason(guards, block("2001:db8::/47")) == "wide_block");
  CHECK(reason(guards, block("2001:db8::/48")).empty());
  GuardSettings settings;
  settings.widest_ipv4 = 16;
  settings.widest_ipv6 = 32;
  const Guards wider = Guards::load(settings, ".");
  CHECK(reason(wider, block("198.51.0.0/16")).empty());
  CHECK(reason(wider, block("198.50.0.0/15")) == "wide_block");
  CHECK(reason(wider, block("2001:db8::/32")).empty());
  CHECK(reason(wider, block("2001:db8::/31")) == "wide_block");
}

TEST_CASE("each guard of single entries can be switched off without the others", "[ioc][guards]") {
  const TemporaryFolder folder;
  folder.write("shops.txt", "shop.example\n198.51.100.0/24\n");
  struct Guarded {
    GuardAction EntryGuards::*action;
    std::string word;
    Indicator indicator;
  };
  const std::vector<Guarded> all = {
      {&EntryGuards::top_site, "top_site", entry("google.com", Scope::kExact)},
      {&EntryGuards::protected_name, "protected_name", entry("ocsp.digicert.com", Scope::kExact)},
      {&EntryGuards::warninglist, "warninglist", entry("shop.example", Scope::kExact)},
      {&EntryGuards::warninglist, "warninglist", block("198.51.100.7")},
      {&EntryGuards::shared_host, "shared_host", entry("bit.ly", Scope::kExact, true)},
      {&EntryGuards::shared_host, "shared_host", entry("host-of.google.com", Scope::kExact, true)},
      {&EntryGuards::wide_block, "wide_block", block("203.0.0.0/16")},
  };
  GuardSettings settings;
  settings.warninglists = {folder / "shops.txt"};
  const std::string fingerprint = Guards::load(settings, ".").fingerprint();
  for (const Guarded& off : all) {
    CAPTURE(off.word);
    settings.entries = {};
    settings.entries.*off.action = GuardAction::kOff;
    const Guards guards = Guards::load(settings, ".");
    CHECK(guards.fingerprint() != fingerprint);
    for (const Guarded& other : all) {
      CHECK(reason(guards, other.indicator) == (other.action == off.action ? "" : other.word));
    }
    CHECK(guards.check_private_suffix());

    settings.entries.*off.action = GuardAction::kReject;
    const Guards rejecting = Guards::load(settings, ".");
    CHECK(rejecting.fingerprint() != fingerprint);
    for (const Guarded& other : all) {
      const auto held = rejecting.check(other.indicator);
      REQUIRE(held);
      CHECK(held->is_rejected == (other.action == off.action));
    }
  }
  settings.entries = {};
  settings.entries.private_suffix = GuardAction::kOff;
  CHECK_FALSE(Guards::load(settings, ".").check_private_suffix());
}

TEST_CASE("a name that two guards know is still held when one of them is off", "[ioc][guards]") {
  const TemporaryFolder folder;
  folder.write("own.txt", "google.com\n");
  GuardSettings settings;
  settings.warninglists = {folder / "own.txt"};
  CHECK(reason(Guards::load(settings, "."), entry("google.com", Scope::kExact)) == "top_site");
  settings.entries.top_site = GuardAction::kOff;
  CHECK(reason(Guards::load(settings, "."), entry("google.com", Scope::kExact)) == "warninglist");
}

TEST_CASE("where several guards catch an entry, one that rejects it decides", "[ioc][guards]") {
  const TemporaryFolder folder;
  folder.write("warned.txt", "198.51.100.0/24\n203.0.0.0/16\nexample.net\ndns.example.org\n");
  GuardSettings settings;
  settings.warninglists = {folder / "warned.txt"};
  settings.names = {"198.51.100.7", "192.0.2.1", "dns.example.net", "dns.example.org"};
  const auto is_rejected = [&](const Indicator& indicator) {
    return Guards::load(settings, ".").check(indicator)->is_rejected;
  };
  SECTION("the protected name") {
    settings.entries.protected_name = GuardAction::kReject;
    CHECK(is_rejected(block("198.51.100.7")));
    CHECK(is_rejected(block("192.0.0.0/8")));  // the protected one lies behind the warned one's beginning
    CHECK(is_rejected(entry("example.net", Scope::kSuffix)));
    CHECK(is_rejected(entry("dns.example.org", Scope::kExact)));
    CHECK_FALSE(is_rejected(entry("example.net", Scope::kExact)));
    CHECK_FALSE(is_rejected(block("203.0.113.9")));
  }
  SECTION("the warninglist") {
    settings.entries.warninglist = GuardAction::kReject;
    CHECK(is_rejected(block("198.51.100.7")));
    CHECK(is_rejected(entry("example.net", Scope::kSuffix)));
    CHECK(is_rejected(entry("dns.example.org", Scope::kExact)));
    CHECK_FALSE(is_rejected(block("192.0.2.1")));
    CHECK_FALSE(is_rejected(entry("dns.example.net", Scope::kExact)));
  }
  SECTION("the width") {
    settings.entries.wide_block = GuardAction::kReject;
    CHECK(is_rejected(block("198.51.0.0/16")));
    CHECK_FALSE(is_rejected(block("198.51.100.0/24")));
  }
}

TEST_CASE("which guard a name or block is of tells sets of guards apart", "[ioc][guards]") {
  const TemporaryFolder folder;
  folder.write("warned.txt", "dns.example.net\n198.51.100.7\n");
  GuardSettings settings;
  settings.warninglists = {folder / "warned.txt"};
  settings.entries.warninglist = GuardAction::kReject;
  std::set<std::string> seen{Guards::load(settings, ".").fingerprint()};
  settings.entries = {};
  const auto is_new = [&] { return seen.insert(Guards::load(settings, ".").fingerprint()).second; };
  CHECK(is_new());
  settings.names = {"dns.example.net"};
  CHECK(is_new());
  settings.names = {"198.51.100.7"};
  CHECK(is_new());
  settings.widest_ipv4 = 23;
  CHECK(is_new());
  settings.widest_ipv6 = 47;
  CHECK(is_new());
  folder.write("ranked.txt", "a.example\nb.example\n");
  settings.top_sites = folder / "ranked.txt";
  CHECK(is_new());
  settings.top_sites_limit = 1;
  CHECK(is_new());
  CHECK_FALSE(is_new());
}

TEST_CASE("what a feed says about its own guards wins", "[ioc][guards]") {
  FeedGuards feed;
  feed.shared_host = GuardAction::kOff;
  feed.private_suffix = GuardAction::kReject;
  feed.wide_block = GuardAction::kOff;
  const Guards guards = Guards::load({}, ".");
  CHECK_FALSE(guards.check(entry("bit.ly", Scope::kExact, true), feed));
  CHECK_FALSE(guards.check(block("203.0.0.0/16"), feed));
  CHECK(guards.check_private_suffix(feed)->is_rejected);
  CHECK(guards.check(entry("google.com", Scope::kExact, true), feed)->reason == "top_site");

  GuardSettings off;
  off.entries.wide_block = GuardAction::kOff;
  feed.wide_block = GuardAction::kHold;
  CHECK(Guards::load(off, ".").check(block("203.0.0.0/16"), feed)->reason == "wide_block");
}

TEST_CASE("of a ranked file of top sites only the first names may count", "[ioc][guards]") {
  const TemporaryFolder folder;
  folder.write("ranked.csv", "1,first.example\n2,second.example\n3,third.example\n");
  GuardSettings settings;
  settings.top_sites = folder / "ranked.csv";
  settings.top_sites_limit = 2;
  const Guards guards = Guards::load(settings, ".");
  CHECK(reason(guards, entry("second.example", Scope::kExact)) == "top_site");
  CHECK(reason(guards, entry("www.second.example", Scope::kExact)) == "top_site");
  CHECK(reason(guards, entry("third.example", Scope::kExact)).empty());
  settings.top_sites_limit = 0;
  CHECK(reason(Guards::load(settings, "."), entry("third.example", Scope::kExact)) == "top_site");
}

TEST_CASE("a host that many share is held when it came out of a URL, and only then", "[ioc][guards]") {
  const Guards guards = Guards::load({}, ".");
  CHECK(reason(guards, entry("bit.ly", Scope::kExact, true)) == "shared_host");
  CHECK(reason(guards, entry("bit.ly", Scope::kExact)).empty());
  CHECK(reason(guards, entry("some.service.google.com", Scope::kExact, true)) == "shared_host");
  CHECK(reason(guards, entry("github.io", Scope::kExact, true)) == "shared_host");
  // One tenant of a service that gives names away is one person.
  CHECK(reason(guards, entry("tenant.github.io", Scope::kExact, true)).empty());
  CHECK(reason(guards, entry("files.evil.example", Scope::kExact, true)).empty());
}

TEST_CASE("lists of one's own stand in for the built-in one or beside it", "[ioc][guards]") {
  const TemporaryFolder folder;
  folder.write("top.csv", "# by rank\n1,popular.example\n2,other.example\r\n");
  folder.write(
      "warn.json",
      R"({"name":"Our partners","type":"hostname","list":[".partner.example","192.0.2.0/24","0x0","ABC"]})");
  GuardSettings settings;
  settings.top_sites = "top.csv";
  settings.warninglists = {"warn.json"};
  const Guards guards = Guards::load(settings, folder.path());
  CHECK(reason(guards, entry("www.popular.example", Scope::kExact)) == "top_site");
  CHECK(reason(guards, entry("other.example", Scope::kSuffix)) == "top_site");
  CHECK(reason(guards, entry("bing.com", Scope::kSuffix)).empty());
  CHECK(reason(guards, entry("partner.example", Scope::kExact)) == "warninglist");
  CHECK(guards.check(entry("partner.example", Scope::kExact))->why.find("Our partners") != std::string::npos);
  CHECK(reason(guards, block("192.0.2.128/25")) == "warninglist");
  CHECK(reason(guards, block("192.0.0.0/16")) == "warninglist");
  CHECK(guards.fingerprint() != Guards::load({}, ".").fingerprint());
  CHECK(guards.fingerprint() == Guards::load(settings, folder.path()).fingerprint());
}

TEST_CASE("a guard file that is not there leaves the built-in list", "[ioc][guards]") {
  GuardSettings settings;
  settings.top_sites = "/nonexistent/top.txt";
  settings.warninglists = {"/nonexistent/warn.json"};
  CHECK(reason(Guards::load(settings, "."), entry("google.com", Scope::kExact)) == "top_site");
}

TEST_CASE("a guard file may hold anything and is read as far as it makes sense", "[ioc][guards]") {
  CHECK_FALSE(parse_guard_file(R"({"list": 7})"));
  CHECK_FALSE(parse_guard_file(R"({"list": ["a.exam)"));
  const auto file = parse_guard_file("\n *.wild.example\n bad..name\nlocalhost\n2001:db8::/32\n");
  REQUIRE(file);
  CHECK(file->names == std::vector<std::string>{"wild.example"});
  REQUIRE(file->blocks.size() == 1);
  CHECK(file->blocks[0].to_text() == "2001:db8::/32");
}

}  // namespace cenote::guards_test
