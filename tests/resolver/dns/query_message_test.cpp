#include "resolver/dns/query_message.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_text.h"

namespace cenote::query_message_test {
namespace {

using test::query;
using test::Wire;

Wire with(Wire message, size_t at, int value) {
  message.at(at) = static_cast<uint8_t>(value);
  return message;
}
Wire cut(Wire message, size_t size) {
  message.resize(size);
  return message;
}
Wire joined(Wire message, const Wire& more) {
  message.insert(message.end(), more.begin(), more.end());
  return message;
}
Wire plain(std::string_view name = "www.example.test", uint16_t type = rrtype::kA) {
  test::QueryOptions options;
  options.edns = false;
  return query(name, type, options);
}
// An OPT record: `owner` in wire form, options as they are.
Wire opt(const Wire& options, const Wire& owner = {0}, int size_field = -1) {
  Wire out = owner;
  const size_t size = size_field >= 0 ? static_cast<size_t>(size_field) : options.size();
  for (const size_t byte : {size_t{0}, size_t{41}, size_t{4}, size_t{0xD0}, size_t{0}, size_t{0}, size_t{0},
                            size_t{0}, size >> 8, size & 0xFF}) {
    out.push_back(static_cast<uint8_t>(byte));
  }
  return joined(out, options);
}
Wire with_opt(const Wire& record, int count = 1) {
  return joined(with(plain(), 11, count), record);
}
Wire options(int count) {
  Wire out;
  for (int i = 0; i < count; ++i) {
    out = joined(out, {0xFD, 0xE9, 0, 1, 0xAA});  // for experiments
  }
  return out;
}
QueryStatus parse(const Wire& message) {
  QueryMessage parsed;
  return parse_query(message, parsed);
}

}  // namespace

TEST_CASE("a plain query is read whole", "[dns][query_message]") {
  const Wire message = query("WwW.Example.TEST", rrtype::kHttps, {.id = 0xBEEF, .edns = false});
  QueryMessage parsed;
  REQUIRE(parse_query(message, parsed) == QueryStatus::kOk);
  CHECK(parsed.id == 0xBEEF);
  CHECK(parsed.name.to_text() == "www.example.test");
  CHECK(parsed.type == rrtype::kHttps);
  CHECK(parsed.klass == kClassIn);
  CHECK(parsed.recursion_desired());
  CHECK(parsed.question_end == message.size());
  CHECK_FALSE(parsed.has_edns);
  CHECK(parsed.udp_limit() == 512);  // RFC 1035 section 4.2.1
}

TEST_CASE("EDNS tells size, DO and version", "[dns][query_message]") {  // RFC 6891 section 6.1.3
  QueryMessage parsed;
  REQUIRE(parse_query(
              query("a.test", rrtype::kA, {.dnssec_ok = true, .checking_disabled = true, .udp_size = 900}),
              parsed) == QueryStatus::kOk);
  CHECK(parsed.dnssec_ok());
  CHECK(parsed.checking_disabled());
  CHECK(parsed.udp_limit() == 900);
}

TEST_CASE("an announced size is kept between 512 and 1232",
          "[dns][query_message]") {  // RFC 6891 6.2.3, RFC 9715
  const auto [announced, limit] =
      GENERATE(table<uint16_t, size_t>({{0, 512}, {511, 512}, {513, 513}, {65535, 1232}}));
  QueryMessage parsed;
  REQUIRE(parse_query(query("a.test", rrtype::kA, {.udp_size = announced}), parsed) == QueryStatus::kOk);
  CHECK(parsed.udp_limit() == limit);
}

TEST_CASE("each message gets the status that it deserves", "[dns][query_message]") {
  using Status = QueryStatus;
  const auto [what, message, status] = GENERATE(table<std::string, Wire, QueryStatus>({
      {"empty", Wire{}, Status::kIgnore},
      {"half a header", cut(plain(), 11), Status::kIgnore},
      {"a response", with(plain(), 2, 0x81), Status::kIgnore},
      {"NOTIFY", with(plain(), 2, 0x21), Status::kNotImp},
      {"UPDATE", with(plain(), 2, 0x29), Status::kNotImp},
      {"opcode 15", with(plain(), 2, 0x79), Status::kNotImp},
      {"no question", with(plain(), 5, 0), Status::kFormErr},  // RFC 9619 section 4
      {"two questions", with(plain(), 5, 2), Status::kFormErr},
      {"header only", cut(plain(), 12), Status::kFormErr},
      {"question cut in its name", cut(plain(), 20), Status::kFormErr},
      {"question cut in its type", cut(plain(), plain().size() - 3), Status::kFormErr},
      {"an answer in a query", with(plain(), 7, 1), Status::kFormErr},
      {"an authority in a query", with(plain(), 9, 1), Status::kFormErr},
      {"TC set", with(plain(), 2, 0x03), Status::kFormErr},
      {"additional record missing", with(plain(), 11, 1), Status::kFormErr},
      {"compressed question", joined(cut(plain(), 12), {0xC0, 12, 0, 1, 0, 1}), Status::kFormErr},
      {"question compressed into the header", joined(cut(plain(), 12), {1, 'a', 0xC0, 4, 0, 1, 0, 1}),
       Status::kFormErr},
      {"OPT", with_opt(opt({})), Status::kOk},
      {"two OPTs", with_opt(joined(opt({}), opt({})), 2), Status::kFormErr},  // RFC 6891 section 6.1.1
      {"OPT with a name", with_opt(opt({}, {1, 'a', 0})), Status::kFormErr},
      {"OPT cut", with_opt(cut(opt({}), 6)), Status::kFormErr},
      {"OPT longer than the message", with_opt(opt({}, {0}, 4)), Status::kFormErr},
      {"an option longer than its OPT", with_opt(opt({0, 10, 0, 9, 1})), Status::kFormErr},
      {"half an option header", with_opt(opt({0, 10, 0})), Status::kFormErr},
      {"16 options", with_opt(opt(options(16))), Status::kOk},
      {"17 options", with_opt(opt(options(17))), Status::kFormErr},
      {"five additional records",
       with_opt(joined(joined(joined(joined(opt({}), opt({})), opt({})), opt({})), opt({})), 5),
       Status::kFormErr},
      {"EDNS version 1", query("a.test", rrtype::kA, {.edns_version = 1}), Status::kBadVers},
      {"class CH", query("version.bind", rrtype::kTxt, {.klass = 3}), Status::kChaos},
      {"class CH, other type", query("version.bind", rrtype::kA, {.klass = 3}), Status::kRefused},
      {"class ANY", query("a.test", rrtype::kA, {.klass = 255}), Status::kRefused},
      {"class 0", query("a.test", rrtype::kA, {.klass = 0}), Status::kRefused},
      {"AXFR", plain("a.test", rrtype::kAxfr), Status::kRefused},
      {"IXFR", plain("a.test", rrtype::kIxfr), Status::kRefused},
      {"MAILA", plain("a.test", rrtype::kMaila), Status::kFormErr},
      {"OPT as a question", plain("a.test", rrtype::kOpt), Status::kFormErr},
      {"TSIG as a question", plain("a.test", rrtype::kTsig), Status::kFormErr},
      {"type 0", plain("a.test", 0), Status::kFormErr},
      {"ANY", plain("a.test", rrtype::kAny), Status::kOk},
      {"an unknown type", plain("a.test", 65280), Status::kOk},
      {"the root", plain(".", rrtype::kNs), Status::kOk},
  }));
  CAPTURE(what);
  CHECK(parse(message) == status);
}

TEST_CASE("a question that could not be read is not offered for copying", "[dns][query_message]") {
  for (const Wire& message : {cut(plain(), 20), with(plain(), 5, 2), with(plain(), 2, 0x21)}) {
    QueryMessage parsed;
    parse_query(message, parsed);
    CHECK(parsed.question_end == 0);
    CHECK(parsed.name == Name());
  }
}

TEST_CASE("the options that mean something are read, of each the first", "[dns][query_message]") {
  // COOKIE (RFC 7873), edns-tcp-keepalive (RFC 7828), Padding (RFC 7830), and COOKIE once more.
  const Wire data{0,  10, 0, 8, 1, 2, 3,  4, 5, 6, 7, 8, 0, 11, 0, 0, 0,
                  12, 0,  2, 0, 0, 0, 10, 0, 8, 9, 9, 9, 9, 9,  9, 9, 9};
  QueryMessage message;
  REQUIRE(parse_query(with_opt(opt(data)), message) == QueryStatus::kOk);
  CHECK(message.edns.cookie_size == 8);
  CHECK(message.edns.cookie[0] == 1);
  CHECK(message.edns.keeps_open);
  CHECK(message.edns.pads);
  QueryMessage plain_message;
  REQUIRE(parse_query(plain(), plain_message) == QueryStatus::kOk);
  CHECK(plain_message.edns.cookie_size == 0);
  CHECK_FALSE(plain_message.edns.keeps_open);
  CHECK_FALSE(plain_message.edns.pads);
}

TEST_CASE("a query may end anywhere without reading beyond it", "[dns][query_message]") {
  const Wire whole = with_opt(opt(options(3)));
  for (size_t size = 0; size < whole.size(); ++size) {
    const Wire part = cut(whole, size);  // its own allocation: a sanitizer sees one byte too many
    CHECK(parse(part) != QueryStatus::kOk);
  }
  CHECK(parse(whole) == QueryStatus::kOk);
}

}  // namespace cenote::query_message_test
