#include "ioc/normalise.h"

#include <catch2/catch.hpp>

namespace cenote::normalise_test {
namespace {

// The canonical text, or the reason why there is none.
std::string name_of(std::string_view text) {
  HostName host;
  Reason reason = canonical_name(text, host);
  if (reason == Reason::kNone) {
    reason = check_name(host);
  }
  if (reason != Reason::kNone) {
    return "! " + std::string(to_text(reason));
  }
  CHECK(host.name.to_text() == host.view());
  CHECK(host.text[host.size] == '\0');
  return std::string(host.view());
}

std::string address_of(std::string_view text) {
  Prefix block;
  const Reason reason = canonical_address(text, block);
  return reason == Reason::kNone ? block.to_text() : "! " + std::string(to_text(reason));
}

std::string refanged(std::string_view text) {
  std::string plain = "(unchanged)";
  refang(text, plain);
  return plain;
}

}  // namespace

TEST_CASE("A name becomes lower case without its one trailing dot") {
  CHECK(name_of("WWW.Evil.Example") == "www.evil.example");
  CHECK(name_of("evil.example.") == "evil.example");
  CHECK(name_of("evil.example..") == "! empty_label");
  CHECK(name_of("-odd-._dmarc.evil.example") == "-odd-._dmarc.evil.example");
  CHECK(name_of("xn--not-really-idna-.example") == "xn--not-really-idna-.example");
}

TEST_CASE("A name's labels and length have the bounds of DNS") {
  const std::string label63(63, 'a');
  CHECK(name_of(label63 + ".example") == label63 + ".example");
  CHECK(name_of(label63 + "a.example") == "! label_too_long");
  const std::string name253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  REQUIRE(name253.size() == 253);
  CHECK(name_of(name253) == name253);
  CHECK(name_of(name253 + ".") == name253);
  CHECK(name_of("c" + name253) == "! name_too_long");
  std::string deepest = "a";
  for (int i = 1; i < 127; ++i) {
    deepest += ".a";
  }
  CHECK(name_of(deepest) == deepest);
}

TEST_CASE("What is no host name is refused with its reason") {
  CHECK(name_of("") == "! empty");
  CHECK(name_of(".") == "! empty");
  CHECK(name_of("evil..example") == "! empty_label");
  CHECK(name_of(".evil.example") == "! empty_label");
  CHECK(name_of("ev il.example") == "! bad_char");
  CHECK(name_of("evil.example&amp") == "! bad_char");
  CHECK(name_of("evil\xFF.example") == "! bad_char");
  CHECK(name_of("evil") == "! single_label");
  CHECK(name_of("192.0.2.1") == "! numeric_tld");
  CHECK(name_of("a.0x7f") == "! numeric_tld");
  CHECK(name_of("a.0x7g") == "a.0x7g");
}

TEST_CASE("Special-use names are refused, whatever stands before them") {
  for (const std::string name :
       {"localhost", "local", "localdomain", "onion", "invalid", "arpa", "internal"}) {
    CHECK(name_of(name) == "! special_use");
    CHECK(name_of("printer." + name) == "! special_use");
  }
  CHECK(name_of("nas.home.arpa") == "! special_use");
  CHECK(name_of("localhost.example") == "localhost.example");
  CHECK(name_of("notlocal.example") == "notlocal.example");
}

TEST_CASE("Names in other scripts become A-labels") {
  CHECK(name_of("b\u00FCcher.example") == "xn--bcher-kva.example");
  CHECK(name_of("B\u00DCCHER.example") == "xn--bcher-kva.example");
  CHECK(name_of("stra\u00DFe.example") == "xn--strae-oqa.example");  // non-transitional keeps the sharp s
  CHECK(name_of("\u4F8B\u3048.\u30C6\u30B9\u30C8") == "xn--r8jz45g.xn--zckzah");
  CHECK(name_of("\u4F8B\u3048\u3002example") == "xn--r8jz45g.example");  // the ideographic full stop is a dot
  CHECK(name_of("\uFF45\uFF56\uFF49\uFF4C.example") == "evil.example");  // full width letters
  CHECK(name_of("xn--zz--.b\u00FCcher.example") == "xn--zz--.xn--bcher-kva.example");
  CHECK(name_of("\uFF11.\uFF12.\uFF13.\uFF14") == "! numeric_tld");
}

TEST_CASE("Invisible characters are refused before IDNA maps them away") {
  for (const std::string mark :
       {"\u200B", "\u200E", "\u202E", "\u2066", "\u00AD", "\uFEFF", "\u0085", "\u061C", "\uE000"}) {
    CHECK(name_of("ev" + mark + "il.example") == "! format_char");
  }
  CHECK(name_of("ev\uFFFDil.example") == "! bad_char");
}

TEST_CASE("Blanks of every script are trimmed at the ends only") {
  CHECK(trim_blanks(" \t\u00A0evil.example\u3000 ") == "evil.example");
  CHECK(trim_blanks("\u00A0\u3000 ").empty());
  CHECK(trim_blanks("a b") == "a b");
}

TEST_CASE("Defang marks are taken out, in any case, and only they") {
  CHECK(refanged("hxxp://evil[.]example") == "http://evil.example");
  CHECK(refanged("hXXps://evil(.)example/a") == "https://evil.example/a");
  CHECK(refanged("evil{.}example[dot]com(DOT)au{dot}x") == "evil.example.com.au.x");
  CHECK(refanged("http[:]//evil.example") == "http://evil.example");
  CHECK(refanged("http[://]evil.example") == "http://evil.example");
  CHECK(refanged("evil\\.example") == "evil.example");
  CHECK(refanged("evil.example") == "(unchanged)");
  CHECK(refanged("evil[0].example") == "(unchanged)");
  CHECK(refanged("") == "(unchanged)");
}

TEST_CASE("An address is taken in canonical text only") {
  CHECK(address_of("8.8.4.4") == "8.8.4.4");
  CHECK(address_of("8.8.4.4:443") == "8.8.4.4");
  CHECK(address_of("2606:4700::1111") == "2606:4700::1111");
  CHECK(address_of("2606:4700:0:0::1111") == "2606:4700::1111");
  CHECK(address_of("[2606:4700::1111]:853") == "2606:4700::1111");
  CHECK(address_of("[2606:4700::1111]") == "2606:4700::1111");
  for (const char* weird : {"8.8.4", "8.8.4.04", "0x8.8.4.4", "8.8.4.4:", "8.8.4.4:99999", "8.8.4.4:x",
                            "[8.8.4.4]:53", "[2606:4700::1111", "2606:4700::1111%eth0", "134744072",
                            "8.8.4.4/", "8.8.4.4/x", "8.8.4.4:1/32", "1.2.3.4.5", ""}) {
    CAPTURE(weird);
    CHECK(address_of(weird) == "! weird_ip");
  }
}

TEST_CASE("Addresses that nobody on the net has are refused") {
  for (const char* local : {"10.1.2.3", "192.168.0.1", "172.16.0.1", "127.0.0.1", "0.0.0.0", "169.254.1.1",
                            "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fd00::1",
                            "ff02::1", "2001:db8::1", "::ffff:8.8.4.4"}) {
    CAPTURE(local);
    CHECK(address_of(local) == "! ip_not_global");
  }
}

TEST_CASE("A block must be neither too wide nor have host bits") {
  CHECK(address_of("8.8.4.0/24") == "8.8.4.0/24");
  CHECK(address_of("8.8.4.4/32") == "8.8.4.4");
  CHECK(address_of("8.0.0.0/8") == "8.0.0.0/8");
  CHECK(address_of("8.0.0.0/7") == "! cidr_too_wide");
  CHECK(address_of("8.0.0.0/0") == "! cidr_too_wide");
  CHECK(address_of("2606:4700::/32") == "2606:4700::/32");
  CHECK(address_of("2400::/18") == "! cidr_too_wide");
  CHECK(address_of("8.8.4.4/24") == "! cidr_host_bits");
  CHECK(address_of("10.0.0.0/8") == "! ip_not_global");
  CHECK(address_of("8.8.4.0/33") == "! weird_ip");
}

TEST_CASE("A URL gives its host, behind whatever stands before it") {
  const auto host = [](std::string_view text) {
    const auto url = split_url(text);
    return url ? std::string(url->host) : "!";
  };
  CHECK(host("http://evil.example/a?b#c") == "evil.example");
  CHECK(host("https://user:secret@evil.example:8443/") == "evil.example");
  CHECK(host("http://good.example@evil.example/") == "evil.example");
  CHECK(host("http://evil.example?x=http://good.example/") == "evil.example");
  CHECK(host("http://[2606:4700::1111]:80/x") == "[2606:4700::1111]");
  CHECK(host("evil.example:8080") == "evil.example");
  CHECK(host("evil.example/a") == "evil.example");
  CHECK(host("evil.example/http://good.example/") == "evil.example");
  for (const char* bad :
       {"http://", "http:///path", "://evil.example", "http://evil.example:x/", "http://evil.example:70000/",
        "http://evil.example\\@good.example/", "someone@evil.example", "ht tp://evil.example"}) {
    CAPTURE(bad);
    CHECK(host(bad) == "!");
  }
  CHECK(split_url("http://evil.example/a")->has_path);
  CHECK_FALSE(split_url("http://evil.example/")->has_path);
}

TEST_CASE("Public suffixes are refused or held, tenants are not") {
  const NameGuard guard(PublicSuffixes::system(), {});
  const auto check = [&](std::string_view text, Scope scope) {
    HostName host;
    REQUIRE(canonical_name(text, host) == Reason::kNone);
    return std::string(to_text(guard.check(host, scope)));
  };
  for (const Scope scope : {Scope::kExact, Scope::kSuffix, Scope::kBelow}) {
    CHECK(check("co.uk", scope) == "icann_suffix");
    CHECK(check("kawasaki.jp", scope) == "icann_suffix");      // parent of the rule *.kawasaki.jp
    CHECK(check("foo.kawasaki.jp", scope) == "icann_suffix");  // made a suffix by that rule
    CHECK(check("city.kawasaki.jp", scope) == "none");         // its exception
    CHECK(check("evil.co.uk", scope) == "none");
  }
  CHECK(check("github.io", Scope::kExact) == "none");
  CHECK(check("github.io", Scope::kSuffix) == "private_suffix");
  CHECK(check("github.io", Scope::kBelow) == "private_suffix");
  CHECK(check("evil.github.io", Scope::kSuffix) == "none");
  CHECK(check("compute-1.amazonaws.com", Scope::kSuffix) == "private_suffix");
  CHECK(check("ec2-198-51-100-1.compute-1.amazonaws.com", Scope::kSuffix) == "none");
}

TEST_CASE("No feed may block at or below an own zone, nor above it with a wide scope") {
  const NameGuard guard(PublicSuffixes::system(), {*Name::from_text("corp.example.com")});
  const auto check = [&](std::string_view text, Scope scope) {
    HostName host;
    REQUIRE(canonical_name(text, host) == Reason::kNone);
    return guard.check(host, scope) == Reason::kOwnDomain;
  };
  CHECK(check("corp.example.com", Scope::kExact));
  CHECK(check("www.corp.example.com", Scope::kExact));
  CHECK(check("example.com", Scope::kSuffix));
  CHECK(check("example.com", Scope::kBelow));
  CHECK_FALSE(check("example.com", Scope::kExact));
  CHECK_FALSE(check("notcorp.example.com", Scope::kSuffix));
  CHECK_FALSE(check("corp.example.com.evil.example", Scope::kSuffix));
}

}  // namespace cenote::normalise_test
