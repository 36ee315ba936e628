#include "resolver/upstream/echo.h"

#include <catch2/catch.hpp>

#include "resolver/upstream/transport.h"
#include "tests/support/dns_text.h"

namespace cenote::echo_test {
namespace {

using test::Wire;

const Name kName = Name::from_text("a-long-enough-name.www.example").value();

// A reply with the question as the query has it, and perhaps a cookie.
Wire reply_to(const Wire& query, const Wire& cookie = {}, uint8_t upper_rcode = 0) {
  Wire made = test::Reply(query).wire();
  made[11] = static_cast<uint8_t>(made[11] + 1);
  const size_t option = cookie.empty() ? 0 : 4 + cookie.size();
  made.insert(made.end(), {0, 0, 41, 4, 0xD0, upper_rcode, 0, 0, 0, 0, static_cast<uint8_t>(option)});
  if (option != 0) {
    made.insert(made.end(), {0, 10, 0, static_cast<uint8_t>(cookie.size())});
    made.insert(made.end(), cookie.begin(), cookie.end());
  }
  return made;
}

Wire cookie_of(const Echo& echo) {
  const EchoCookie cookie = echo.cookie();
  return {cookie.view().begin(), cookie.view().end()};
}

// A server that repeats what it is told to.
struct Fixture {
  Random random;
  bool keeps_case = true;
  bool has_cookies = false;
  Wire server_part = Wire(16, 7);

  Wire reply(Echo& echo, LetterCase& written, const Name& name = kName) {
    written = echo.draw();
    Wire query(kMaxQueryBytes);
    const EchoCookie own = echo.cookie();
    const Bytes cookie = own.view();
    query.resize(write_query(query, {name, rrtype::kA, false, false}, 7,
                             {.letter_case = keeps_case ? written : LetterCase{}, .cookie = cookie}));
    Wire both;
    if (has_cookies) {
      both.assign(cookie.begin(), cookie.begin() + 8);
      both.insert(both.end(), server_part.begin(), server_part.end());
    }
    return reply_to(query, both);
  }
  bool over_udp(Echo& echo, const Name& name = kName) {
    LetterCase written;
    const Wire made = reply(echo, written, name);
    return echo.believes(made, name, written);
  }
  void over_stream(Echo& echo) {
    LetterCase written;
    const Wire made = reply(echo, written);
    echo.learn(made, kName, written);
  }
  void repeat(Echo& echo, int times) {
    for (int i = 0; i < times; ++i) {
      CHECK(over_udp(echo));
    }
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "names are written in mixed letters where that is wanted, never the same twice",
                 "[upstream][echo]") {
  Echo off(false, false, random);
  CHECK(off.draw() == LetterCase{});
  Echo on(true, false, random);
  CHECK(on.draw() != on.draw());
  Wire query(kMaxQueryBytes);
  write_query(query, {kName, rrtype::kA, false, false}, 7, {.letter_case = on.draw()});
  int capitals = 0;
  for (size_t i = 0; i < kName.size(); ++i) {
    CHECK(lower(query[12 + i]) == kName.wire()[i]);
    capitals += query[12 + i] != kName.wire()[i] ? 1 : 0;
  }
  CHECK(capitals > 0);
}

TEST_CASE_METHOD(Fixture, "a server that never keeps letters or cookies is believed as before",
                 "[upstream][echo]") {
  Echo echo(true, true, random);
  keeps_case = false;
  repeat(echo, 50);
}

TEST_CASE_METHOD(Fixture, "what four replies in a row kept is expected from then on", "[upstream][echo]") {
  const bool of_case = GENERATE(true, false);
  Echo echo(of_case, !of_case, random);
  bool& repeats = of_case ? keeps_case : has_cookies;
  repeats = true;
  repeat(echo, 3);
  repeats = false;
  repeat(echo, 1);  // not yet, and it begins anew
  repeats = true;
  repeat(echo, 4);
  repeats = false;
  for (int i = 0; i < 20; ++i) {  // however often a forger tries
    CHECK_FALSE(over_udp(echo));
  }
  repeats = true;
  repeat(echo, 1);
  // Over a stream nobody else can have said it.
  repeats = false;
  over_stream(echo);
  repeat(echo, 10);
}

TEST_CASE_METHOD(Fixture, "a stream that keeps both changes nothing", "[upstream][echo]") {
  Echo echo(true, true, random);
  has_cookies = true;
  repeat(echo, 4);
  over_stream(echo);
  keeps_case = false;
  CHECK_FALSE(over_udp(echo));
  keeps_case = true;
  has_cookies = false;
  CHECK_FALSE(over_udp(echo));
}

TEST_CASE_METHOD(Fixture, "a name without letters proves nothing", "[upstream][echo]") {
  Echo echo(true, false, random);
  const Name digits = Name::from_text("1.2.3").value();
  for (int i = 0; i < 10; ++i) {
    CHECK(over_udp(echo, digits));
  }
  keeps_case = false;
  CHECK(over_udp(echo));
}

TEST_CASE_METHOD(Fixture, "RFC 7873 section 5.1: the server's cookie goes back to it, the newest one",
                 "[upstream][echo][cookie]") {
  Echo echo(false, true, random);
  CHECK(echo.cookie().size == 8);
  const Wire ours = cookie_of(echo);
  has_cookies = true;
  for (const size_t size : std::vector<size_t>{16, 8, 32}) {
    server_part = Wire(size, static_cast<uint8_t>(size));
    CHECK(over_udp(echo));
    Wire expected = ours;
    expected.insert(expected.end(), server_part.begin(), server_part.end());
    CHECK(cookie_of(echo) == expected);
  }
  Echo other(false, true, random);
  CHECK(cookie_of(other) != ours);
  CHECK(Echo(false, false, random).cookie().view().empty());
}

TEST_CASE_METHOD(Fixture, "RFC 7873 section 5.3: a reply with another cookie, or BADCOOKIE, is not believed",
                 "[upstream][echo][cookie]") {
  Echo echo(false, true, random);
  const Wire query = test::query("a-long-enough-name.www.example", rrtype::kA);
  const Wire ours = cookie_of(echo);
  Wire other = ours;
  other[0] = static_cast<uint8_t>(other[0] ^ 1);
  other.resize(24, 9);
  CHECK_FALSE(echo.believes(reply_to(query, other), kName, {}));
  CHECK_FALSE(echo.believes(reply_to(query, ours), kName, {}));  // ours alone is no server's
  CHECK(echo.cookie().size == 8);
  // The new cookie in a BADCOOKIE is for the next question.
  Wire renewed = ours;
  renewed.resize(24, 9);
  Wire bad = reply_to(query, renewed, 1);
  bad[3] = static_cast<uint8_t>((bad[3] & 0xF0) | 7);
  CHECK_FALSE(echo.believes(bad, kName, {}));
  CHECK(cookie_of(echo) == renewed);
  // A server that mangles cookies over a stream, too, is asked without.
  echo.learn(reply_to(query, other), kName, {});
  CHECK(echo.cookie().view().empty());
  CHECK(echo.believes(reply_to(query, other), kName, {}));
}

TEST_CASE_METHOD(Fixture, "a server that minds cookies is asked without when a stream has shown it",
                 "[upstream][echo][cookie]") {
  Echo echo(false, true, random);
  Wire refusal = reply_to(test::query("a-long-enough-name.www.example", rrtype::kA));
  refusal[3] = static_cast<uint8_t>((refusal[3] & 0xF0) | 1);
  CHECK_FALSE(echo.believes(refusal, kName, {}));
  CHECK_FALSE(echo.cookie().view().empty());  // a forger can say that
  echo.learn(refusal, kName, {});
  CHECK(echo.cookie().view().empty());
  CHECK(echo.believes(refusal, kName, {}));
}

TEST_CASE_METHOD(Fixture,
                 "no cookie is expected of a server that is asked without, though it had repeated them",
                 "[upstream][echo][cookie]") {
  Echo echo(false, true, random);
  Echo other_worker(echo);
  has_cookies = true;
  repeat(echo, 4);
  const Wire query = test::query("a-long-enough-name.www.example", rrtype::kA);
  Wire refusal = reply_to(query);
  refusal[3] = static_cast<uint8_t>((refusal[3] & 0xF0) | 1);
  CHECK_FALSE(echo.believes(refusal, kName, {}));
  echo.learn(refusal, kName, {});
  CHECK(echo.cookie().view().empty());
  has_cookies = false;
  repeat(echo, 10);
  repeat(other_worker, 10);
  CHECK(echo.cookie().view().empty());
}

}  // namespace cenote::echo_test
