#include "resolver/dns/record_ttls.h"

#include <catch2/catch.hpp>

#include "resolver/dns/scrub.h"
#include "tests/support/dns_text.h"

namespace cenote::record_ttls_test {
namespace {

using test::query;
using test::Reply;
using Records = std::vector<std::string>;

ScrubbedResponse scrubbed(const Reply& reply, bool dnssec_ok = false) {
  ScrubbedResponse response;
  REQUIRE(scrub_response(reply.wire(), dnssec_ok, response) == ScrubStatus::kOk);
  return response;
}

}  // namespace

TEST_CASE("the records of an RRset get its least TTL, others keep theirs", "[dns][record_ttls]") {
  // RFC 2181 section 5.2
  const auto response = scrubbed(Reply(query("a.test", rrtype::kA))
                                     .answer("b.test. 300 IN A 192.0.2.1")
                                     .answer("a.test. 900 IN CNAME b.test.")
                                     .answer("b.test. 60 IN A 192.0.2.2")
                                     .answer("b.test. 120 IN A 192.0.2.3"));
  CHECK(test::read(response.message).answers ==
        Records{"b.test. 60 IN A 192.0.2.1", "a.test. 900 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.2",
                "b.test. 60 IN A 192.0.2.3"});
  CHECK(response.ttl == 60);
}

TEST_CASE("signatures are a set per type that they sign", "[dns][record_ttls]") {
  const auto signature = [](const std::string& head, const std::string& type) {
    return "a.test. " + head + " IN RRSIG " + type + " 13 2 300 20370101000000 20260101000000 1 test. AAAA";
  };
  const auto response = scrubbed(Reply(query("a.test", rrtype::kA))
                                     .answer("a.test. 300 IN A 192.0.2.1")
                                     .answer(signature("200", "A"))
                                     .answer(signature("100", "A"))
                                     .answer(signature("50", "TXT")),
                                 true);
  std::vector<std::string> ttls;
  for (const std::string& record : test::read(response.message).answers) {
    ttls.push_back(record.substr(8, record.find(' ', 8) - 8));
  }
  CHECK(ttls == std::vector<std::string>{"300", "100", "100", "50"});
}

TEST_CASE("the same name and type in two sections are two sets", "[dns][record_ttls]") {
  const auto response = scrubbed(Reply(query("test", rrtype::kSoa))
                                     .answer("test. 300 IN SOA ns.test. root.test. 1 2 3 4 60")
                                     .authority("a.test. 20 IN NSEC b.test. A")
                                     .authority("a.test. 10 IN NSEC c.test. A"),
                                 true);
  const auto read = test::read(response.message);
  CHECK(read.answers == Records{"test. 300 IN SOA ns.test. root.test. 1 2 3 4 60"});
  CHECK(read.authorities == Records{"a.test. 10 IN NSEC b.test. A", "a.test. 10 IN NSEC c.test. A"});
}

TEST_CASE("a cap lowers what is above it alone", "[dns][record_ttls]") {
  auto response = scrubbed(Reply(query("a.test", rrtype::kA))
                               .answer("a.test. 900 IN CNAME b.test.")
                               .answer("b.test. 60 IN A 192.0.2.1"));
  cap_ttls(response.message, response.ttl_offsets, 100);
  CHECK(test::read(response.message).answers ==
        Records{"a.test. 100 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.1"});
}

TEST_CASE("an RRset of thousands has one TTL", "[dns][record_ttls]") {
  Reply reply(query("a.test", rrtype::kA));
  for (int i = 0; i < 4000; ++i) {
    reply.answer("a.test. " + std::to_string(5000 - i) + " IN A 192.0.2.1");
  }
  const auto response = scrubbed(reply);
  CHECK(response.ttl == 1001);
  const auto read = test::read(response.message);
  REQUIRE(read.answers.size() == 4000);
  CHECK(read.answers.front() == "a.test. 1001 IN A 192.0.2.1");
}

}  // namespace cenote::record_ttls_test
