#include "resolver/query/blocked_answer.h"

#include <catch2/catch.hpp>

#include "resolver/base/text.h"
#include "tests/support/dns_text.h"

namespace cenote::blocked_answer_test {
namespace {

using test::Message;
using test::query;
using test::QueryOptions;
using test::Reply;
using test::Wire;
using Records = std::vector<std::string>;

Name name(std::string_view text) {
  return Name::from_text(text).value();
}

PolicySettings settings() {
  PolicySettings made;
  made.sinkhole.ipv4.otherwise = IpAddress::v4({198, 51, 100, 1});
  made.sinkhole.ipv4.of["c2"] = IpAddress::v4({198, 51, 100, 2});
  made.sinkhole.ipv6.otherwise = IpAddress::from_text("2001:db8::1");
  made.contact_mail = "first.last@example.org";
  return made;
}

Verdict verdict(Action action, std::string_view matched, uint8_t depth,
                MatchKind match = MatchKind::kQuestion) {
  Verdict made;
  made.action = action;
  made.match = match;
  made.matched = name(matched);
  made.depth = depth;
  made.generation = 42;
  made.category = std::string_view("malware");
  return made;
}

Message answer(const BlockedAnswer& blocked, const Wire& packet, const Verdict& made, size_t limit = 1232,
               const Wire& chain = {}) {
  QueryMessage asked;
  REQUIRE(parse_query(packet, asked) == QueryStatus::kOk);
  Wire buffer = packet;
  buffer.resize(65535);
  const size_t size = blocked.write(buffer, limit, asked, Bytes(buffer).first(packet.size()), made,
                                    IncidentId::from_text("7K4QW-9XM2D").value(), chain);
  CHECK(size <= limit);
  const Message read = test::read(Bytes(buffer).first(size));
  REQUIRE(read.ok);
  // wire.md section 3, of every answer:
  CHECK(read.qr);
  CHECK(read.ra);
  CHECK_FALSE(read.aa);
  CHECK_FALSE(read.ad);
  CHECK(read.id == asked.id);
  return read;
}

Message sinkholed(uint16_t type, Action action = Action::kSinkhole, const QueryOptions& options = {}) {
  const BlockedAnswer blocked(settings(), "");
  return answer(blocked, query("www.Bad.test", type, options), verdict(action, "www.bad.test", 2));
}

const char* const kSoa = "bad.test. 30 IN SOA cenote.invalid. first\\.last.example.org. 42 3600 600 86400 30";

bool ends_like_soa(const Message& read) {
  return read.authorities.size() == 1 && to_lower(read.authorities[0]) == to_lower(kSoa);
}

}  // namespace

TEST_CASE("shape S answers each type with the sinkhole or with NODATA", "[query][blocked_answer]") {
  const auto [type, records] = GENERATE(table<uint16_t, Records>({
      {rrtype::kA, {"www.Bad.test. 30 IN A 198.51.100.1"}},
      {rrtype::kAaaa, {"www.Bad.test. 30 IN AAAA 2001:db8::1"}},
      {rrtype::kAny,
       {"www.Bad.test. 30 IN A 198.51.100.1", "www.Bad.test. 30 IN AAAA 2001:db8::1"}},  // RFC 8482
      {rrtype::kHttps, {}},  // RFC 9460 section 3: the browser then uses A and AAAA
      {rrtype::kSvcb, {}},
      {rrtype::kMx, {}},
      {rrtype::kTxt, {}},
      {rrtype::kNs, {}},
      {rrtype::kSoa, {}},
      {rrtype::kDs, {}},
      {rrtype::kCname, {}},
      {rrtype::kSrv, {}},
      {uint16_t{10}, {}},  // NULL
      {uint16_t{65280}, {}},
  }));
  CAPTURE(type);
  const Message read = sinkholed(type);
  CHECK(read.rcode == 0);  // never NXDOMAIN: RFC 8020 caches would kill the A record too
  CHECK(read.answers == records);
  CHECK((records.empty() ? ends_like_soa(read) : read.authorities.empty()));
  CHECK(read.question_name == "www.Bad.test");
  CHECK(read.ede == 15);
}

TEST_CASE("shape N answers every type alike", "[query][blocked_answer]") {
  const auto type = GENERATE(as<uint16_t>(), rrtype::kA, rrtype::kAaaa, rrtype::kHttps, rrtype::kMx,
                             rrtype::kTxt, rrtype::kAny, 65280);
  const auto [action, rcode] = GENERATE(table<Action, int>({{Action::kNxdomain, 3}, {Action::kNodata, 0}}));
  CAPTURE(type);
  const Message read = sinkholed(type, action);
  CHECK(read.rcode == rcode);
  CHECK(read.answers.empty());
  CHECK(ends_like_soa(read));
}

TEST_CASE("refuse refuses and drop says nothing", "[query][blocked_answer]") {
  const Message read = sinkholed(rrtype::kA, Action::kRefuse);
  CHECK(read.rcode == 5);
  CHECK(read.answers.empty());
  CHECK(read.authorities.empty());
  CHECK(read.ede == 15);

  const BlockedAnswer blocked(settings(), "");
  const Wire packet = query("a.test", rrtype::kA);
  QueryMessage asked;
  parse_query(packet, asked);
  Wire buffer(512);
  CHECK(blocked.write(buffer, 512, asked, packet, verdict(Action::kDrop, "a.test", 2), {}) == 0);
}

TEST_CASE("NXDOMAIN becomes NODATA where children may live", "[query][blocked_answer]") {  // RFC 8020
  const BlockedAnswer blocked(settings(), "");
  Verdict made = verdict(Action::kNxdomain, "bad.test", 2);
  made.keeps_children = true;
  const Message read = answer(blocked, query("bad.test", rrtype::kA), made);
  CHECK(read.rcode == 0);
  CHECK(ends_like_soa(read));
}

TEST_CASE("a category has its own address and TTL, never more than a minute", "[query][blocked_answer]") {
  PolicySettings made = settings();
  made.sinkhole.ttl.otherwise = seconds{86400};
  const BlockedAnswer blocked(made, "");
  Verdict c2 = verdict(Action::kSinkhole, "a.test", 2);
  CHECK(answer(blocked, query("a.test", rrtype::kA), c2).answers == Records{"a.test. 60 IN A 198.51.100.1"});
  c2.category = std::string_view("c2");
  CHECK(answer(blocked, query("a.test", rrtype::kA), c2).answers == Records{"a.test. 10 IN A 198.51.100.2"});
}

TEST_CASE("without an address of its family a question gets NODATA", "[query][blocked_answer]") {
  PolicySettings made = settings();
  made.sinkhole.ipv6.otherwise = std::nullopt;
  const BlockedAnswer blocked(made, "");
  const Verdict listed = verdict(Action::kSinkhole, "www.bad.test", 2);
  CHECK(ends_like_soa(answer(blocked, query("www.bad.test", rrtype::kAaaa), listed)));
  CHECK(answer(blocked, query("www.bad.test", rrtype::kAny), listed).answers.size() == 1);
}

TEST_CASE("RD and CD are copied, DO too, and an OPT is there only for who sent one",
          "[query][blocked_answer]") {
  const bool rd = GENERATE(true, false);
  const bool cd = GENERATE(true, false);
  const bool edns = GENERATE(true, false);
  const bool dnssec_ok = GENERATE(true, false);
  const Message read =
      sinkholed(rrtype::kA, Action::kSinkhole,
                {.recursion_desired = rd, .edns = edns, .dnssec_ok = dnssec_ok, .checking_disabled = cd});
  CHECK(read.rd == rd);
  CHECK(read.cd == cd);
  CHECK(read.has_edns == edns);
  CHECK(read.dnssec_ok == (edns && dnssec_ok));
  CHECK(read.ede.has_value() == edns);
  CHECK(read.answers.size() == 1);  // DO and CD do not switch policy off
  if (edns) {
    CHECK(read.udp_size == 1232);
  }
}

TEST_CASE("the error's text says category, incident and whom to ask, in at most 120 bytes",
          "[query][blocked_answer]") {
  const std::string contact =
      GENERATE(as<std::string>(), "", "help desk 1234", std::string(200, 'x'),
               "\xe6\x83\x85\xe5\xa0\xb1\xe3\x82\xbb\xe3\x82\xad\xe3\x83\xa5\xe3\x83\xaa\xe3\x83\x86"
               "\xe3\x82\xa3\xe6\x83\x85\xe5\xa0\xb1\xe3\x82\xbb\xe3\x82\xad\xe3\x83\xa5\xe3\x83\xaa"
               "\xe6\x83\x85\xe5\xa0\xb1\xe3\x82\xbb\xe3\x82\xad\xe3\x83\xa5\xe3\x83\xaa\xe6\x83\x85"
               "\xe6\x83\x85\xe5\xa0\xb1\xe3\x82\xbb\xe3\x82\xad\xe3\x83\xa5\xe3\x83\xaa\xe6\x83\x85");
  const BlockedAnswer blocked(settings(), contact);
  const Message read = answer(blocked, query("a.test", rrtype::kA), verdict(Action::kSinkhole, "a.test", 2));
  CHECK(read.ede_text.starts_with("malware blocked, incident 7K4QW-9XM2D"));
  CHECK(read.ede_text.size() <= 120);
  CHECK(is_valid_utf8(read.ede_text));  // RFC 8914 section 2
  if (contact.size() < 40) {
    CHECK(read.ede_text.ends_with(contact));
  } else {
    CHECK(read.ede_text.size() > 117);
  }
}

TEST_CASE("a hop that matched keeps the CNAMEs up to it", "[query][blocked_answer]") {  // RFC 6604
  const Wire packet = query("a.test", rrtype::kA);
  const Wire chain = Reply(packet)
                         .answer("a.test. 3600 IN CNAME b.test.")
                         .answer("b.test. 20 IN CNAME www.bad.test.")
                         .answer("www.bad.test. 60 IN CNAME end.test.")
                         .answer("end.test. 60 IN A 203.0.113.1")
                         .wire();
  const BlockedAnswer blocked(settings(), "");
  const Message sunk =
      answer(blocked, packet, verdict(Action::kSinkhole, "www.bad.test", 2, MatchKind::kCname), 1232, chain);
  CHECK(sunk.answers == Records{"a.test. 60 IN CNAME b.test.", "b.test. 20 IN CNAME www.bad.test.",
                                "www.bad.test. 30 IN A 198.51.100.1"});
  const Message gone =
      answer(blocked, packet, verdict(Action::kNxdomain, "www.bad.test", 2, MatchKind::kCname), 1232, chain);
  CHECK(gone.rcode == 3);
  CHECK(gone.answers.size() == 2);
  CHECK(ends_like_soa(gone));
}

TEST_CASE("an address that matched is replaced at the chain's end; the name is not denied",
          "[query][blocked_answer]") {
  const Wire packet = query("a.test", rrtype::kA);
  const Wire chain =
      Reply(packet).answer("a.test. 5 IN CNAME b.test.").answer("b.test. 5 IN A 203.0.113.1").wire();
  const BlockedAnswer blocked(settings(), "");
  const Message sunk =
      answer(blocked, packet, verdict(Action::kSinkhole, "b.test", 24, MatchKind::kAddress), 1232, chain);
  CHECK(sunk.answers == Records{"a.test. 5 IN CNAME b.test.", "b.test. 30 IN A 198.51.100.1"});
  const Message none =
      answer(blocked, packet, verdict(Action::kNxdomain, "b.test", 24, MatchKind::kAddress), 1232, chain);
  CHECK(none.rcode == 0);
  REQUIRE(none.authorities.size() == 1);
  CHECK(none.authorities[0].starts_with("b.test. 30 IN SOA"));
}

TEST_CASE("a service record that matched leaves NODATA", "[query][blocked_answer]") {
  const Wire packet = query("a.test", rrtype::kHttps);
  const Wire chain = Reply(packet).answer("a.test. 5 IN HTTPS 1 bad.test. alpn=h2").wire();
  const MatchKind match = GENERATE(MatchKind::kServiceTarget, MatchKind::kServiceHint);
  const BlockedAnswer blocked(settings(), "");
  const Message read = answer(blocked, packet, verdict(Action::kSinkhole, "bad.test", 2, match), 1232, chain);
  CHECK(read.rcode == 0);
  CHECK(read.answers.empty());
  REQUIRE(read.authorities.size() == 1);
  CHECK(read.authorities[0].starts_with("a.test. 30 IN SOA"));
}

TEST_CASE("the longest name still gets a whole answer in 512 bytes", "[query][blocked_answer]") {
  std::string longest;
  for (int i = 0; i < 3; ++i) {
    longest += std::string(63, 'a') + ".";
  }
  longest += std::string(61, 'b');
  const Action action = GENERATE(Action::kSinkhole, Action::kNxdomain);
  const BlockedAnswer blocked(settings(), std::string(120, 'x'));
  const Message read =
      answer(blocked, query(longest, rrtype::kA, {.udp_size = 512}), verdict(action, longest, 4), 512);
  CHECK_FALSE(read.tc);
  CHECK(read.ede == 15);
  CHECK(read.answers.size() + read.authorities.size() == 1);
}

TEST_CASE("what does not fit is truncated, and says so", "[query][blocked_answer]") {
  const Wire packet = query("a.test", rrtype::kA, {.udp_size = 512});
  Reply reply(packet);
  std::string last = "a.test";
  for (int i = 0; i < 8; ++i) {
    const std::string next =
        std::string(60, static_cast<char>('a' + i)) + "." + std::string(40, 'n') + ".test";
    reply.answer(last + ". 5 IN CNAME " + next + ".");
    last = next;
  }
  const BlockedAnswer blocked(settings(), "");
  const Message read =
      answer(blocked, packet, verdict(Action::kSinkhole, last, 1, MatchKind::kCname), 512, reply.wire());
  CHECK(read.tc);
}

TEST_CASE("without a mailbox the SOA names a neutral one", "[query][blocked_answer]") {
  PolicySettings made = settings();
  made.contact_mail = GENERATE(as<std::string>(), "", "nobody", "a@", "@example.org");
  CAPTURE(made.contact_mail);
  const BlockedAnswer blocked(made, "");
  const Message read =
      answer(blocked, query("bad.test", rrtype::kA), verdict(Action::kNodata, "bad.test", 2));
  REQUIRE(read.authorities.size() == 1);
  CHECK(read.authorities[0].find(" hostmaster.cenote.invalid. ") != std::string::npos);
}

}  // namespace cenote::blocked_answer_test
