#include "resolver/dns/rr.h"

#include <catch2/catch.hpp>

#include "resolver/dns/types.h"

namespace cenote::rr_test {

TEST_CASE("A zone line gives its owner, type and alias") {
  ZoneRecordReader reader(*Name::from_text("zone.test"));
  ZoneRecord record;
  REQUIRE(reader.read("WWW 300 IN CNAME Target.Example.", record));
  CHECK(record.owner.to_text() == "www.zone.test");
  CHECK(record.type == rrtype::kCname);
  CHECK(record.target.to_text() == "target.example");
  REQUIRE(reader.read(" A 192.0.2.1", record));  // the last owner again
  CHECK(record.owner.to_text() == "www.zone.test");
  CHECK(record.type == rrtype::kA);
  REQUIRE(reader.read("@ TXT \"a b\"", record));
  CHECK(record.owner.to_text() == "zone.test");
  reader.set_origin(Name());
  REQUIRE(reader.read("a.example CNAME .", record));
  CHECK(record.owner.to_text() == "a.example");
  CHECK(record.target.is_root());
}

TEST_CASE("What is no record is refused, and the next line is read") {
  ZoneRecordReader reader{Name()};
  ZoneRecord record;
  for (const char* broken : {"", "a.example", "a.example CNAME", "a.example A 192.0.2", "a.example NOSUCH x",
                             "a..example A 192.0.2.1"}) {
    CAPTURE(broken);
    CHECK_FALSE(reader.read(broken, record));
  }
  CHECK_FALSE(reader.read(std::string(300, 'a') + " A 192.0.2.1", record));
  CHECK(reader.read("ok.example A 192.0.2.1", record));
}

}  // namespace cenote::rr_test
