#include "resolver/dns/answer.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"

namespace cenote::answer_test {
namespace {

using test::Message;
using test::query;
using test::Wire;

constexpr std::array<uint8_t, 4> kAddress{192, 0, 2, 1};

struct Asked {
  Wire packet;
  QueryMessage message;
  Wire buffer;

  explicit Asked(Wire wire) : packet(std::move(wire)), buffer(packet) {
    parse_query(packet, message);
    buffer.resize(65535);
  }
  [[nodiscard]] Bytes in_place() const { return Bytes(buffer).first(packet.size()); }
  Message read(size_t size) { return test::read(Bytes(buffer).first(size)); }
};

Name name(std::string_view text) {
  return Name::from_text(text).value();
}

}  // namespace

TEST_CASE("an answer written over its query keeps the question's letter case", "[dns][answer]") {
  Asked asked(query("WwW.eXample.TEST", rrtype::kA, {.id = 77, .checking_disabled = true}));
  AnswerWriter answer(asked.buffer, asked.message.udp_limit(), asked.message, asked.in_place());
  REQUIRE(answer.answer(asked.message.name, rrtype::kA, 30, kAddress));
  const Message read = asked.read(answer.finish(Rcode::kNoError));
  REQUIRE(read.ok);
  CHECK(read.id == 77);
  CHECK(read.question_name == "WwW.eXample.TEST");
  CHECK(read.answers == std::vector<std::string>{"WwW.eXample.TEST. 30 IN A 192.0.2.1"});
  CHECK(read.qr);
  CHECK(read.ra);
  CHECK(read.rd);
  CHECK(read.cd);
  CHECK_FALSE(read.aa);
  CHECK_FALSE(read.ad);
  CHECK_FALSE(read.tc);
  CHECK(read.udp_size == 1232);
}

TEST_CASE("an answer may be written elsewhere than over its query", "[dns][answer]") {
  Asked asked(query("a.test", rrtype::kA));
  Wire out(512);
  AnswerWriter answer(out, 512, asked.message, asked.packet);
  answer.answer(asked.message.name, rrtype::kA, 30, kAddress);
  const size_t size = answer.finish(Rcode::kNoError);
  CHECK(test::read(Bytes(out).first(size)).answers.size() == 1);
}

TEST_CASE("owners are compressed against the question, others are written out", "[dns][answer]") {
  Asked asked(query("www.example.test", rrtype::kA));
  AnswerWriter answer(asked.buffer, 1232, asked.message, asked.in_place());
  for (const char* owner :
       {"www.example.test", "example.test", "test", ".", "other.test", "badexample.test"}) {
    REQUIRE(answer.answer(name(owner), rrtype::kA, 1, kAddress));
  }
  CHECK(asked.read(answer.finish(Rcode::kNoError)).answers ==
        std::vector<std::string>{"www.example.test. 1 IN A 192.0.2.1", "example.test. 1 IN A 192.0.2.1",
                                 "test. 1 IN A 192.0.2.1", ". 1 IN A 192.0.2.1",
                                 "other.test. 1 IN A 192.0.2.1", "badexample.test. 1 IN A 192.0.2.1"});
}

TEST_CASE("an answer never grows beyond its limit, and says TC", "[dns][answer]") {
  const size_t limit = GENERATE(as<size_t>(), 512, 600, 1232);
  const bool edns = GENERATE(true, false);
  Asked asked(query("www.example.test", rrtype::kA, {.edns = edns, .udp_size = 1232}));
  AnswerWriter answer(asked.buffer, limit, asked.message, asked.in_place());
  size_t written = 0;
  while (answer.answer(asked.message.name, rrtype::kA, 1, kAddress)) {
    ++written;
  }
  const std::string text(120, 'x');
  answer.extended_error(Ede::kBlocked, text);
  const size_t size = answer.finish(Rcode::kNoError);
  CHECK(size <= limit);
  CHECK(size > limit - 16 - 11);  // what fits is used
  const Message read = asked.read(size);
  REQUIRE(read.ok);
  CHECK(read.tc);
  CHECK(read.answers.size() == written);
  CHECK(read.has_edns == edns);
}

TEST_CASE("there is an OPT if and only if the query had one", "[dns][answer]") {  // RFC 6891 section 6.1.1
  const bool edns = GENERATE(true, false);
  const bool dnssec_ok = GENERATE(true, false);
  Asked asked(query("a.test", rrtype::kA, {.edns = edns, .dnssec_ok = dnssec_ok}));
  AnswerWriter answer(asked.buffer, 512, asked.message, asked.in_place());
  answer.extended_error(Ede::kBlocked, "why");
  const Message read = asked.read(answer.finish(Rcode::kNxDomain));
  REQUIRE(read.ok);
  CHECK(read.has_edns == edns);
  CHECK(read.dnssec_ok == (edns && dnssec_ok));
  CHECK(read.ede.has_value() == edns);
}

TEST_CASE("the error's text is cut on a whole character before the answer is truncated", "[dns][answer]") {
  // RFC 8914 section 2: valid UTF-8; wire.md section 3: the text goes first.
  Asked asked(query("a.test", rrtype::kA));
  const size_t base = asked.packet.size();  // header, question and an OPT without options
  for (size_t room = 0; room < 40; ++room) {
    Asked again(query("a.test", rrtype::kA));
    // The limit leaves `room` bytes behind the OPT: 6 for the code, the rest for the text.
    AnswerWriter answer(again.buffer, base + room, again.message, again.in_place());
    answer.extended_error(Ede::kBlocked,
                          "\xe5\x8d\xb1\xe9\x99\xba\xe3\x81\xaa\xe5\xae\x9b\xe5\x85\x88");  // 15 bytes
    const size_t size = answer.finish(Rcode::kNoError);
    CAPTURE(room);
    CHECK(size <= base + room);
    const Message read = again.read(size);
    REQUIRE(read.ok);
    CHECK_FALSE(read.tc);
    CHECK(read.ede.has_value() == (room >= 6));
    CHECK(read.ede_text.size() == (room < 6 ? 0 : std::min<size_t>(15, (room - 6) / 3 * 3)));
  }
}

TEST_CASE("BADVERS has its upper bits in the OPT", "[dns][answer]") {  // RFC 6891 section 6.1.3
  Asked asked(query("a.test", rrtype::kA, {.edns_version = 1}));
  const Message read = asked.read(
      write_error(MutableBytes(asked.buffer).first(512), asked.message, asked.in_place(), Rcode::kBadVers));
  REQUIRE(read.ok);
  CHECK(read.rcode == 0);
  CHECK(read.extended_rcode == 1);
  CHECK(read.question_name == "a.test");
}

TEST_CASE("an unreadable question is not repeated", "[dns][answer]") {
  Wire broken = query("a.test", rrtype::kA, {.id = 9, .edns = false});
  broken.resize(15);
  Asked asked(broken);
  const size_t size =
      write_error(MutableBytes(asked.buffer).first(512), asked.message, asked.in_place(), Rcode::kFormErr);
  CHECK(size == kHeaderBytes);
  const Message read = asked.read(size);
  REQUIRE(read.ok);
  CHECK(read.id == 9);
  CHECK(read.rcode == 1);
  CHECK(read.question_name.empty());
}

TEST_CASE("an answer to another operation keeps its opcode", "[dns][answer]") {
  Wire notify = query("a.test", rrtype::kSoa, {.edns = false});
  notify[2] = static_cast<uint8_t>(notify[2] | 0x20);
  Asked asked(notify);
  write_error(MutableBytes(asked.buffer).first(512), asked.message, asked.in_place(), Rcode::kNotImp);
  CHECK((asked.buffer[2] & 0x78) == 0x20);
  CHECK((asked.buffer[3] & 0x0F) == 4);
}

TEST_CASE("an OPT is added to a finished message where it fits, with the error", "[dns][answer]") {
  Asked asked(query("a.test", rrtype::kA));
  const Wire finished = test::Reply(asked.packet).answer("a.test. 5 IN A 192.0.2.1").wire();
  std::copy(finished.begin(), finished.end(), asked.buffer.begin());
  const ExtendedError error{Ede::kStaleAnswer, "old"};
  const size_t size = append_opt(asked.buffer, finished.size(), 512, asked.message, &error);
  const Message read = asked.read(size);
  REQUIRE(read.ok);
  CHECK(read.has_edns);
  CHECK(read.ede == 3);
  CHECK(read.ede_text == "old");
  CHECK(append_opt(asked.buffer, finished.size(), finished.size() + 10, asked.message, &error) ==
        finished.size());
}

}  // namespace cenote::answer_test
