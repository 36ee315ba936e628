#include "resolver/query/registered_domain.h"

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.h"

namespace cenote::registered_domain_test {

TEST_CASE("the registered domain is the label below the public suffix", "[query][in_flight]") {
  const TemporaryFolder folder;
  folder.write("list",
               "// ===BEGIN ICANN DOMAINS===\ncom\njp\nco.jp\n*.ck\n!www.ck\nus\nk12.ma.us\npvt.k12.ma.us\n"
               "// ===END ICANN DOMAINS===\n// ===BEGIN PRIVATE DOMAINS===\nhosted.com\n"
               "// ===END PRIVATE DOMAINS===\n");
  const auto suffixes = PublicSuffixes::from_file(folder / "list");
  REQUIRE(suffixes);
  const auto domain = [&](const char* name) {
    return Name::from_wire(registered_domain(*Name::from_text(name), *suffixes))->to_text();
  };
  CHECK(domain("example.com") == "example.com");
  CHECK(domain("r4nd0m.hp.com") == "hp.com");  // short, and no suffix
  CHECK(domain("a.b.c.d.e.example.com") == "example.com");
  CHECK(domain("a.example.co.jp") == "example.co.jp");
  CHECK(domain("a.example.jp") == "example.jp");
  CHECK(domain("a.b.any.ck") == "b.any.ck");
  CHECK(domain("a.www.ck") == "www.ck");
  CHECK(domain("a.school.pvt.k12.ma.us") == "school.pvt.k12.ma.us");
  // Its customers' names are asked of one set of servers.
  CHECK(domain("a.customer.hosted.com") == "hosted.com");
  CHECK(domain("a.b.unlisted") == "b.unlisted");
  // What is no more than a suffix stands for itself.
  CHECK(domain("co.jp") == "co.jp");
  CHECK(domain("com") == "com");
  CHECK(registered_domain(Name(), *suffixes).size() == 1);
}

}  // namespace cenote::registered_domain_test
