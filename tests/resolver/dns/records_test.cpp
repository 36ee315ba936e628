#include "resolver/dns/records.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"

namespace cenote::records_test {
namespace {

using test::query;
using test::Reply;
using test::Wire;

struct Binding {
  bool ok = false;
  std::vector<std::string> targets;
  std::vector<Wire> hints;
};

Binding read_binding(const Wire& message) {
  RecordReader reader(message);
  RecordView record;
  REQUIRE(reader.next(record));
  Binding out;
  out.ok = read_service_binding(
      message, record, [&](const Name& target) { out.targets.push_back(target.to_text()); },
      [&](Bytes hint) { out.hints.emplace_back(hint.begin(), hint.end()); });
  return out;
}

// An HTTPS record with this rdata as the only answer.
Wire https(const Wire& rdata) {
  Wire out = Reply(query("a.test", rrtype::kHttps)).wire();
  out[7] = 1;
  for (const size_t byte : {size_t{0xC0}, size_t{12}, size_t{0}, size_t{65}, size_t{0}, size_t{1}, size_t{0},
                            size_t{0}, size_t{0}, size_t{60}, rdata.size() >> 8, rdata.size() & 0xFF}) {
    out.push_back(static_cast<uint8_t>(byte));
  }
  out.insert(out.end(), rdata.begin(), rdata.end());
  return out;
}

}  // namespace

TEST_CASE("records are read in order, each with its section", "[dns][records]") {
  const Wire message = Reply(query("a.test", rrtype::kA))
                           .answer("a.test. 5 IN A 192.0.2.1")
                           .authority("test. 6 IN NS ns.test.")
                           .additional("ns.test. 7 IN A 192.0.2.2")
                           .wire();
  RecordReader reader(message);
  REQUIRE(reader.ok());
  CHECK(reader.question_name().to_text() == "a.test");
  CHECK(reader.question_type() == rrtype::kA);
  RecordView record;
  std::vector<std::string> seen;
  while (reader.next(record)) {
    seen.push_back(std::to_string(static_cast<int>(record.section)) + " " + record.owner.to_text() + " " +
                   std::to_string(record.ttl));
  }
  CHECK(reader.ok());
  CHECK(record.end() == message.size());
  CHECK(seen == std::vector<std::string>{"0 a.test 5", "1 test 6", "2 ns.test 7"});
}

TEST_CASE("a message with none or two questions is not read", "[dns][records]") {
  Wire message = query("a.test", rrtype::kA, {.edns = false});
  for (const int count : {0, 2}) {
    message[5] = static_cast<uint8_t>(count);
    RecordReader reader(message);
    RecordView record;
    CHECK_FALSE(reader.ok());
    CHECK_FALSE(reader.next(record));
  }
}

TEST_CASE("a record that ends outside the message is a violation", "[dns][records]") {
  const Wire whole = Reply(query("a.test", rrtype::kA)).answer("a.test. 5 IN A 192.0.2.1").wire();
  for (size_t size = query("a.test", rrtype::kA, {.edns = false}).size(); size < whole.size(); ++size) {
    const Wire part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    RecordReader reader(part);
    RecordView record;
    CHECK_FALSE(reader.next(record));
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("a service binding gives its target and every hint",
          "[dns][records]") {  // RFC 9460 sections 2.2, 7.3
  const auto binding =
      read_binding(https({0, 1, 1, 't', 0,                                    // priority 1, target "t"
                          0, 1, 0, 3,   2,    'h', '2',                       // alpn
                          0, 4, 0, 8,   192,  0,   2,    1,    192, 0, 2, 2,  // ipv4hint
                          0, 6, 0, 16,  0x20, 1,   0x0d, 0xb8, 0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  CHECK(binding.ok);
  CHECK(binding.targets == std::vector<std::string>{"t"});
  REQUIRE(binding.hints.size() == 3);
  CHECK(binding.hints[1] == Wire{192, 0, 2, 2});
  CHECK(binding.hints[2].size() == 16);
}

TEST_CASE("an alias binding has a target alone", "[dns][records]") {
  const auto binding = read_binding(https({0, 0, 1, 't', 0}));
  CHECK(binding.ok);
  CHECK(binding.hints.empty());
}

TEST_CASE("a broken service binding is told as such", "[dns][records]") {
  const Wire rdata = GENERATE(as<Wire>(), Wire{}, Wire{0}, Wire{0, 1}, Wire{0, 1, 1, 't'},
                              Wire{0, 1, 0, 0, 4, 0, 3, 1, 2, 3},  // a hint of three bytes
                              Wire{0, 1, 0, 0, 4, 0, 8, 1, 2, 3, 4}, Wire{0, 1, 0, 0});
  CHECK_FALSE(read_binding(https(rdata)).ok);
}

TEST_CASE("of a broken service binding all is read that can be", "[dns][records]") {
  const auto binding = read_binding(https({0, 1, 0,              //
                                           0, 4, 0, 3, 1, 2, 3,  // a hint of three bytes
                                           0, 4, 0, 4, 203, 0, 113, 7}));
  CHECK_FALSE(binding.ok);
  CHECK(binding.hints == std::vector<Wire>{{203, 0, 113, 7}});
}

TEST_CASE("types and rcodes have texts", "[dns][types]") {
  CHECK(type_text(rrtype::kHttps) == "HTTPS");
  CHECK(type_text(65280) == "TYPE65280");  // RFC 3597 section 5
  CHECK(parse_type("aaaa") == rrtype::kAaaa);
  CHECK(parse_type("type65280") == 65280);
  CHECK(parse_type("TYPE65536") == 0);
  CHECK(parse_type("nonsense") == 0);
  CHECK(rcode_text(3) == "NXDOMAIN");
  CHECK(rcode_text(200) == "RCODE");
}

}  // namespace cenote::records_test
