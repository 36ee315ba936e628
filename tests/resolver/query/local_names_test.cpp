#include "resolver/query/local_names.h"

#include <catch2/catch.hpp>

#include "resolver/dns/types.h"

namespace cenote::local_names_test {
using Kind = LocalNames::Kind;

namespace {

Kind kind_of(const LocalNames& names, const char* name) {
  return names.find(Name::from_text(name).value()).kind;
}

}  // namespace

TEST_CASE("special-use names are answered here and their neighbours are not", "[query][names]") {
  const LocalNames names{NamesSettings{}};
  for (const auto& [name, kind] :
       {std::pair("localhost", Kind::kLoopback),                  // RFC 6761 section 6.3
        std::pair("www.localhost", Kind::kLoopback),              //
        std::pair("invalid", Kind::kNothing),                     // RFC 6761 section 6.4
        std::pair("a.b.invalid", Kind::kNothing),                 //
        std::pair("example.onion", Kind::kNothing),               // RFC 7686 section 2
        std::pair("printer.local", Kind::kNothing),               // RFC 6762 section 22.1
        std::pair("name.alt", Kind::kNothing),                    // RFC 9476 section 3
        std::pair("home.arpa", Kind::kEmptyZone),                 // RFC 8375 section 4
        std::pair("_dns.resolver.arpa", Kind::kNoData),           // RFC 9462 section 4
        std::pair("1.0.0.10.in-addr.arpa", Kind::kEmptyZone),     // RFC 6303 section 4.1
        std::pair("9.9.31.172.in-addr.arpa", Kind::kEmptyZone),   //
        std::pair("1.1.168.192.in-addr.arpa", Kind::kEmptyZone),  //
        std::pair("1.0.0.127.in-addr.arpa", Kind::kEmptyZone),    // section 4.2
        std::pair("1.1.64.100.in-addr.arpa", Kind::kEmptyZone),   // RFC 7793
        std::pair("x.d.f.ip6.arpa", Kind::kEmptyZone),            // RFC 6303 section 4.4
        std::pair("use-application-dns.net", Kind::kNothing),     //
        std::pair("mask-h2.icloud.com", Kind::kNothing),          //
        std::pair("localhost.example.com", Kind::kNone),          //
        std::pair("notlocal", Kind::kNone),                       //
        std::pair("arpa", Kind::kNone),                           //
        std::pair("in-addr.arpa", Kind::kNone),                   //
        std::pair("1.1.32.172.in-addr.arpa", Kind::kNone),        //
        std::pair("1.1.63.100.in-addr.arpa", Kind::kNone),        //
        std::pair("1.1.1.1.in-addr.arpa", Kind::kNone),           //
        std::pair("icloud.com", Kind::kNone),                     //
        std::pair("www.example.test", Kind::kNone)}) {            // forwarded: labs use it
    CAPTURE(name);
    CHECK(kind_of(names, name) == kind);
  }
  CHECK(kind_of(names, ".") == Kind::kNone);
}

TEST_CASE("what is switched off is asked of others", "[query][names]") {
  const LocalNames none({.special = false, .canaries = false});
  for (const char* name : {"localhost", "1.0.0.10.in-addr.arpa", "use-application-dns.net"}) {
    CAPTURE(name);
    CHECK(kind_of(none, name) == Kind::kNone);
  }
}

TEST_CASE("the site's own records come first, in any letter case", "[query][names]") {
  NamesSettings settings;
  settings.records = {{*Name::from_text("printer.home.arpa"), rrtype::kA, 60, {192, 0, 2, 7}},
                      {*Name::from_text("printer.home.arpa"), rrtype::kA, 60, {192, 0, 2, 8}}};
  const LocalNames names(settings);
  const auto match = names.find(Name::from_text("PRINTER.Home.Arpa").value());
  REQUIRE(match.kind == Kind::kRecords);
  CHECK(match.records->size() == 2);
  CHECK(kind_of(names, "other.home.arpa") == Kind::kEmptyZone);
  CHECK(kind_of(names, "below.printer.home.arpa") == Kind::kEmptyZone);
}

}  // namespace cenote::local_names_test
