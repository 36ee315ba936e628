#include "resolver/base/text.h"

#include <catch2/catch.hpp>

#include "resolver/base/address.h"
#include "resolver/base/clock.h"

namespace cenote::text_test {

TEST_CASE("no text from outside moves a cursor or forges a line", "[base][text]") {
  const auto [raw, shown] = GENERATE(table<std::string, std::string>({
      {"plain", "plain"},
      {"\x1b[31mred", "\\x1b[31mred"},
      {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"\x7f", "\\x7f"},
      {"\xe2\x80\xae"
       "evil",
       "\\u{202E}evil"},              // right-to-left override
      {"\xe2\x80\x8b", "\\u{200B}"},  // zero width
      {"\xc2\x9b", "\\u{009B}"},      // CSI in eight bits
      {"\xef\xbb\xbf", "\\u{FEFF}"},
      {"\xe5\x8d\xb1\xe9\x99\xba", "\xe5\x8d\xb1\xe9\x99\xba"},
      {"\xff\xfe", "\\xff\\xfe"},
      {"\xc0\xaf", "\\xc0\\xaf"},           // overlong
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // surrogate
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"\xe5\x8d", "\\xe5\\x8d"},  // cut off
  }));
  CHECK(printable(raw) == shown);
}

TEST_CASE("a long text is cut, and says so", "[base][text]") {
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("abc", 3) == "abc");
}

TEST_CASE("HTML is escaped in text and in attributes", "[base][text]") {
  CHECK(escape_html("<a href=\"x\">'&'</a>") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}

TEST_CASE("sizes have units", "[base][text]") {
  const auto [text, bytes] = GENERATE(table<std::string, std::optional<uint64_t>>({
      {"0", 0},
      {"4096", 4096},
      {"4096B", 4096},
      {"64KiB", 65536},
      {"2 MiB", 2097152},
      {"1GiB", 1073741824},
      {"1KB", 1000},
      {"3GB", 3000000000},
      {"", {}},
      {"KiB", {}},
      {"-1", {}},
      {"1.5GiB", {}},
      {"1kib", {}},
      {"99999999999999TiB", {}},
      {"18446744073709551615", UINT64_MAX},
      {"18446744073709551616", {}},
  }));
  CAPTURE(text);
  CHECK(parse_size(text) == bytes);
}

TEST_CASE("a number is digits alone", "[base][text]") {
  CHECK(parse_number("65535", 65535) == 65535U);
  for (const char* text : {"", "65536", "+1", "-1", " 1", "1 ", "0x1", "1e3"}) {
    CHECK_FALSE(parse_number(text, 65535));
  }
}

TEST_CASE("a number of things is written as people say it", "[base][text]") {
  CHECK(counted(0, "name", "names") == "0 names");
  CHECK(counted(1, "name", "names") == "1 name");
  CHECK(counted(2, "entry", "entries") == "2 entries");
}

TEST_CASE("a size is told in the unit that fits it", "[base][text]") {
  CHECK(size_text(1) == "1 byte");
  CHECK(size_text(1023) == "1023 bytes");
  CHECK(size_text(17 * 1024 + 1) == "17 KiB");
  CHECK(size_text(uint64_t{256} << 20) == "256 MiB");
}

TEST_CASE("what was nearly written is suggested", "[base][text]") {
  const std::vector<std::string_view> words{"upstream", "listen", "cache"};
  CHECK(nearest("upstraem", words) == "upstream");
  CHECK(nearest("chache", words) == "cache");
  CHECK(nearest("zzzzzzzz", words).empty());
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("durations read and write", "[base][clock]") {
  const auto [text, ms] = GENERATE(table<std::string, int64_t>({{"0", 0},
                                                                {"250ms", 250},
                                                                {"90s", 90'000},
                                                                {"1h30m", 5'400'000},
                                                                {"7d", 604'800'000},
                                                                {"1w", 604'800'000},
                                                                {"1m", 60'000},
                                                                {"1m1ms", 60'001}}));
  milliseconds out{-1};
  REQUIRE(parse_duration(text, out));
  CHECK(out.count() == ms);
  milliseconds again{-1};
  REQUIRE(parse_duration(to_text(out), again));
  CHECK(again == out);
}

TEST_CASE("what is no duration is refused", "[base][clock]") {
  const std::string text = GENERATE(as<std::string>(), "", "1", "s", "1x", "-1s", "1s ", " 1s", "1.5h",
                                    "99999999999w", "100000000000000000000s", "1h-1s");
  milliseconds out{0};
  CAPTURE(text);
  CHECK_FALSE(parse_duration(text, out));
}

TEST_CASE("times are RFC 3339 both ways", "[base][clock]") {
  const auto [text, shown] = GENERATE(table<std::string, std::string>({
      {"2026-11-22T10:15:30.123Z", "2026-11-22T10:15:30.123Z"},
      {"2026-11-22t10:15:30z", "2026-11-22T10:15:30.000Z"},
      {"2026-11-22 10:15:30", "2026-11-22T10:15:30.000Z"},
      {"2026-11-22T10:15:30.123456789Z", "2026-11-22T10:15:30.123Z"},
      {"2026-11-22T10:15:30+09:00", "2026-11-22T01:15:30.000Z"},
      {"2026-11-22T00:15:30-01:30", "2026-11-22T01:45:30.000Z"},
      {"2028-02-29", "2028-02-29T00:00:00.000Z"},
      {"1969-12-31T23:59:59.500Z", "1969-12-31T23:59:59.500Z"},
  }));
  WallTime time;
  REQUIRE(parse_wall_time(text, time));
  CHECK(to_rfc3339(time) == shown);
}

TEST_CASE("a date as a limit means its end", "[base][clock]") {
  WallTime time;
  REQUIRE(parse_wall_time("2027-03-31", time, true));
  CHECK(to_rfc3339(time) == "2027-03-31T23:59:59.000Z");
}

TEST_CASE("what is no time is refused", "[base][clock]") {
  const std::string text =
      GENERATE(as<std::string>(), "", "2026", "2026-13-01", "2026-02-29", "2026-1-1", "2026-11-22T",
               "2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z", "2026-11-22T10:15Z", "2026-11-22T10:15:30X",
               "2026-11-22T10:15:30+9:00", "2026-11-22T10:15:30+24:00", "2026-11-22T10:15:30+09:60",
               "2026-11-22T10:15:30+09:00x", "20261122");
  WallTime time;
  CAPTURE(text);
  CHECK_FALSE(parse_wall_time(text, time));
}

TEST_CASE("addresses read and write", "[base][address]") {
  const auto [text, shown] = GENERATE(table<std::string, std::string>({{"192.0.2.1", "192.0.2.1"},
                                                                       {"2001:DB8::1", "2001:db8::1"},
                                                                       {"::ffff:192.0.2.1", "192.0.2.1"},
                                                                       {"::", "::"}}));
  REQUIRE(IpAddress::from_text(text));
  CHECK(IpAddress::from_text(text)->to_text() == shown);
}

TEST_CASE("what is no address is refused", "[base][address]") {
  for (const std::string& text :
       {std::string(), std::string("1.2.3"), std::string("0x7f.0.0.1"), std::string("1.2.3.256"),
        std::string("fe80::1%eth0"), std::string("[::1]"), std::string("1.2.3.4 "),
        std::string("1.2.3.4\0x", 9), std::string(60, '1')}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::from_text(text));
  }
}

TEST_CASE("a prefix holds its block and nothing else", "[base][address]") {
  const auto [prefix, inside, outside] = GENERATE(table<std::string, std::string, std::string>({
      {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
      {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
      {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
      {"0.0.0.0/0", "203.0.113.1", "2001:db8::1"},
      {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
  }));
  const auto block = Prefix::from_text(prefix);
  REQUIRE(block);
  CHECK(block->contains(*IpAddress::from_text(inside)));
  CHECK_FALSE(block->contains(*IpAddress::from_text(outside)));
  CHECK(block->to_text() == prefix);
}

TEST_CASE("a text is cut between its characters", "[base][text]") {
  CHECK(first_bytes("abc", 3) == "abc");
  CHECK(first_bytes("abc", 2) == "ab");
  CHECK(first_bytes("abc", 0).empty());
  CHECK(first_bytes("", 5).empty());
  CHECK(first_bytes("a\u00e9", 2) == "a");
  CHECK(first_bytes("a\u00e9", 3) == "a\u00e9");
  const std::string_view text = "\u7aef\u672b\U0001f512 ok";
  for (size_t most = 0; most <= text.size(); ++most) {
    const std::string_view taken = first_bytes(text, most);
    CAPTURE(most);
    CHECK(is_valid_utf8(taken));
    CHECK(taken.size() <= most);
    CHECK(taken.size() + 4 > most);
    CHECK(text.starts_with(taken));
  }
}

TEST_CASE("what is no prefix is refused", "[base][address]") {
  for (const char* text :
       {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "2001:db8::1/64", "::/129", "/8", ""}) {
    CAPTURE(text);
    CHECK_FALSE(Prefix::from_text(text));
  }
}

TEST_CASE("a socket address has a port, IPv6 has brackets", "[base][address]") {
  CHECK(SocketAddress::from_text("127.0.0.1:53")->port() == 53);
  CHECK(SocketAddress::from_text("[::1]:5353")->to_text() == "[::1]:5353");
  CHECK(SocketAddress::from_text("::1", 53)->to_text() == "[::1]:53");
  CHECK(SocketAddress::from_text("[::1]", 53)->port() == 53);
  CHECK(SocketAddress::from_text("192.0.2.1", 53)->port() == 53);
  CHECK(SocketAddress::from_text("[fe80::1%lo]:53")->to_text() == "[fe80::1%lo]:53");
  CHECK(SocketAddress::from_text("[fe80::1%1]:53")->to_text() == "[fe80::1%lo]:53");  // always the first
  CHECK(SocketAddress::from_text("fe80::1%lo", 53)->zone() == 1);
  CHECK(SocketAddress::from_text("[fe80::1]:53")->zone() == 0);
  CHECK_FALSE(*SocketAddress::from_text("[fe80::1]:53") == *SocketAddress::from_text("[fe80::1%lo]:53"));
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:", ":53", "127.0.0.1:65536", "[127.0.0.1]:53", "[::1",
                           "[::1]x:53", "::1", "[]:53", "host:53"}) {
    CAPTURE(text);
    CHECK_FALSE(SocketAddress::from_text(text));
  }
}

TEST_CASE("special blocks are not global", "[base][address]") {  // RFC 6890
  for (const char* text :
       {"127.0.0.1", "10.1.1.1", "169.254.1.1", "100.64.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255",
        "::1", "fe80::1", "fd00::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_global(*IpAddress::from_text(text)));
  }
  for (const char* text : {"9.9.9.9", "100.128.0.1", "172.32.0.1", "2620:fe::fe", "64:ff9b::1.1.1.1"}) {
    CAPTURE(text);
    CHECK(is_global(*IpAddress::from_text(text)));
  }
}

TEST_CASE("loopback is the whole of 127/8, and one address of IPv6", "[base][address]") {
  for (const char* text : {"127.0.0.0", "127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) {
    CAPTURE(text);
    CHECK(is_loopback(*IpAddress::from_text(text)));
  }
  for (const char* text : {"126.255.255.255", "128.0.0.0", "0.0.0.0", "::", "::2", "7f00::1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_loopback(*IpAddress::from_text(text)));
  }
}

}  // namespace cenote::text_test
