#include "resolver/dns/rdata_check.h"

#include <catch2/catch.hpp>

#include "resolver/dns/records.h"
#include "tests/support/dns_text.h"

namespace cenote::rdata_check_test {
namespace {

using test::query;
using test::Reply;
using test::Wire;

// As the only rdata of a response to "a.test", whose name stands at offset 12.
bool is_good(uint16_t type, const Wire& rdata) {
  Wire message = query("a.test", type, {.edns = false});
  const size_t offset = message.size();
  message.insert(message.end(), rdata.begin(), rdata.end());
  const bool is_good = is_well_formed(type, message, offset, rdata.size());
  message.insert(message.end(), 64, 1);  // what stands behind it is no part of it
  CHECK(is_well_formed(type, message, offset, rdata.size()) == is_good);
  return is_good;
}

Wire operator+(Wire a, const Wire& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Wire kName{1, 'a', 4, 't', 'e', 's', 't', 0};
const Wire kPointer{0xC0, 12};
constexpr uint16_t kSpf = 99, kCaa = 257, kLoc = 29, kApl = 42, kSshfp = 44, kIpsecKey = 45, kDnskey = 48,
                   kNsec3Param = 51, kTlsa = 52, kHip = 55, kCds = 59, kOpenPgp = 61, kCsync = 62,
                   kZonemd = 63, kUri = 256, kCert = 37, kAmtRelay = 260;

Wire loc(uint8_t version, uint8_t size) {
  return Wire{version, size, 0x16, 0x13} + Wire(12, 0);
}

}  // namespace

TEST_CASE("records that ldns writes are well-formed", "[dns][rdata_check]") {
  const std::string text = GENERATE(values<std::string>(
      {"A 192.0.2.1",
       "AAAA 2001:db8::1",
       "NS ns.a.test.",
       "CNAME b.test.",
       "PTR b.test.",
       "DNAME b.test.",
       "SOA ns.test. root.test. 1 2 3 4 5",
       "MX 10 mail.test.",
       "TXT \"one\" \"\" \"two\"",
       "SPF \"v=spf1\"",
       "HINFO \"RFC8482\" \"\"",
       "RP a.test. b.test.",
       "AFSDB 1 a.test.",
       "KX 1 a.test.",
       "RT 1 a.test.",
       "SRV 1 2 443 a.test.",
       "NAPTR 1 2 \"s\" \"SIP+D2U\" \"\" b.test.",
       "X25 \"311061700956\"",
       "ISDN \"150862028003217\" \"004\"",
       "ISDN \"150862028003217\"",
       "LOC 42 21 54 N 71 06 18 W -24m 30m",
       "CERT 1 2 3 AQID",
       "APL 1:192.0.2.0/25 !2:2001:db8::/32",
       "DS 1 13 2 " + std::string(64, 'A'),
       "DS 1 13 4 " + std::string(96, 'A'),
       "CDS 0 0 0 00",
       "SSHFP 4 1 " + std::string(40, 'A'),
       "SSHFP 4 2 " + std::string(64, 'A'),
       "IPSECKEY 10 1 2 192.0.2.38 AQID",
       "IPSECKEY 10 0 2 . AQID",
       "IPSECKEY 10 3 2 gw.test. AQID",
       "RRSIG A 13 2 9 20370101000000 20260101000000 1 test. AAAA",
       "NSEC b.test. A RRSIG NSEC TYPE1234",
       "DNSKEY 257 3 13 AQID",
       "CDNSKEY 0 3 0 AA==",
       "DHCID AQID",
       "NSEC3PARAM 1 0 0 -",
       "NSEC3 1 1 0 AB 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG",
       "NSEC3 1 1 0 - 2vptu5timamqttgl4luu9kg21e0aor3s",
       "TLSA 3 1 1 " + std::string(64, 'A'),
       "SMIMEA 3 1 1 " + std::string(64, 'A'),
       "HIP 2 200100107B1A74DF365639CC39F1D578 AQID rvs.test.",
       "OPENPGPKEY AQID",
       "CSYNC 66 3 A NS AAAA",
       "ZONEMD 1 1 1 " + std::string(96, 'A'),
       "SVCB 1 a.test. alpn=h2,h3 port=443 ipv4hint=192.0.2.1",
       "HTTPS 0 b.test.",
       "HTTPS 1 . mandatory=alpn,port alpn=h2 no-default-alpn port=8443 ipv6hint=2001:db8::1",
       "NID 10 0014:4fff:ff20:ee64",
       "L32 10 10.1.2.0",
       "L64 10 2001:0DB8:1140:1000",
       "LP 10 l64.test.",
       "EUI48 00-00-5e-00-53-2a",
       "EUI64 00-00-5e-ef-10-00-00-2a",
       "URI 10 1 \"ftp://ftp1.test/\"",
       "CAA 0 issue \"ca.test\"",
       "TYPE65280 \\# 3 010203",
       "TYPE65280 \\# 0"}));
  CAPTURE(text);
  const Wire message = Reply(query("a.test", rrtype::kA)).answer("a.test. 60 IN " + text).wire();
  RecordReader reader(message);
  RecordView record;
  REQUIRE(reader.next(record));
  CHECK(is_well_formed(record.type, message, record.rdata_offset, record.rdata_size));
  // Nothing is enough for no type but these.
  const bool may_be_empty = record.type == kApl || record.type >= 65280;
  CHECK(is_well_formed(record.type, message, record.rdata_offset, 0) == may_be_empty);
}

TEST_CASE("rdata of fixed parts has just these", "[dns][rdata_check]") {
  const auto [type, rdata, expected] = GENERATE(table<uint16_t, Wire, bool>({
      {rrtype::kA, Wire(4, 1), true},
      {rrtype::kA, Wire(3, 1), false},
      {rrtype::kA, Wire(5, 1), false},
      {rrtype::kA, {}, false},
      {rrtype::kAaaa, Wire(16, 1), true},
      {rrtype::kAaaa, Wire(15, 1), false},
      {rrtype::kAaaa, Wire(17, 1), false},
      {108, Wire(6, 1), true},  // EUI48
      {108, Wire(7, 1), false},
      {109, Wire(8, 1), true},  // EUI64
      {109, Wire(6, 1), false},
      {104, Wire(10, 1), true},  // NID
      {104, Wire(9, 1), false},
      {105, Wire(6, 1), true},  // L32
      {105, Wire(7, 1), false},
      {106, Wire(10, 1), true},  // L64
      {106, Wire(11, 1), false},
      {kDnskey, Wire(5, 1), true},
      {kDnskey, Wire(4, 1), false},
      {kTlsa, {3, 1, 0, 1}, true},
      {kTlsa, {3, 1, 0}, false},
      {kTlsa, Wire(35, 1), true},  // SHA-256
      {kTlsa, Wire(34, 1), false},
      {kTlsa, Wire(67, 2), true},  // SHA-512
      {kTlsa, Wire(66, 2), false},
      {kUri, Wire(5, 'x'), true},
      {kUri, Wire(4, 'x'), false},
      {kCert, Wire(5, 1), true},
      {kCert, Wire(4, 1), false},
      {kOpenPgp, Wire(1, 1), true},
      {kOpenPgp, {}, false},
      {65280, {}, true},  // RFC 3597: nothing is known of it
  }));
  CAPTURE(type, rdata);
  CHECK(is_good(type, rdata) == expected);
}

TEST_CASE("names in rdata are whole, and compressed only where they may be", "[dns][rdata_check]") {
  const Wire long_name = Wire{63} + Wire(63, 'x') + Wire{63} + Wire(63, 'x') + Wire{63} + Wire(63, 'x');
  const auto [type, rdata, expected] = GENERATE_COPY(table<uint16_t, Wire, bool>({
      {rrtype::kCname, kName, true},
      {rrtype::kCname, kPointer, true},
      {rrtype::kCname, {}, false},
      {rrtype::kCname, {1, 'a'}, false},
      {rrtype::kCname, kName + Wire{0}, false},
      {rrtype::kCname, {0x41, 'a', 0}, false},
      {rrtype::kNs, {0xC0}, false},
      {rrtype::kPtr, {0xC0, 0}, false},  // into the header
      {rrtype::kDname, kPointer, true},
      {rrtype::kMx, Wire{0, 1} + kPointer, true},
      {rrtype::kMx, {0, 1}, false},
      {rrtype::kMx, {0}, false},
      {rrtype::kMx, Wire{0, 1} + kName + Wire{1}, false},
      {rrtype::kSoa, kPointer + kPointer + Wire(20, 1), true},
      {rrtype::kSoa, kPointer + kPointer + Wire(19, 1), false},
      {rrtype::kSoa, kPointer + kPointer + Wire(21, 1), false},
      {rrtype::kSrv, Wire(6, 0) + kPointer, true},
      {rrtype::kSrv, Wire(6, 0), false},
      {rrtype::kSrv, Wire(5, 0) + kName, false},
      {17, kName + kName, true},  // RP
      {17, kName, false},
      {18, Wire{0, 1} + kName, true},  // AFSDB
      {18, Wire{0, 1}, false},
      {36, Wire{0, 1} + kName, true},  // KX
      {36, Wire{0, 1}, false},
      {107, Wire{0, 1} + kName, true},  // LP
      {107, Wire{0, 1} + kPointer, false},
      {rrtype::kRrsig, Wire(18, 1) + kName + Wire{1}, true},
      {rrtype::kRrsig, Wire(18, 1) + kName, false},
      {rrtype::kRrsig, Wire(18, 1) + kPointer + Wire{1}, false},
      {rrtype::kRrsig, Wire(17, 1), false},
      {rrtype::kNsec, kName + Wire{0, 1, 0x40}, true},
      {rrtype::kNsec, kPointer + Wire{0, 1, 0x40}, false},
      {rrtype::kNsec, long_name + Wire{61} + Wire(61, 'x') + Wire{0, 0, 1, 0x40}, true},  // 255 bytes
      {rrtype::kNsec, long_name + Wire{62} + Wire(62, 'x') + Wire{0, 0, 1, 0x40}, false},
  }));
  CAPTURE(type, rdata);
  CHECK(is_good(type, rdata) == expected);
}

TEST_CASE("character-strings fill their rdata", "[dns][rdata_check]") {
  const auto [type, rdata, expected] = GENERATE(table<uint16_t, Wire, bool>({
      {rrtype::kTxt, {0}, true},
      {rrtype::kTxt, {1, 'a', 2, 'b', 'c'}, true},
      {rrtype::kTxt, {}, false},
      {rrtype::kTxt, {2, 'a'}, false},
      {rrtype::kTxt, {1, 'a', 'b'}, false},
      {kSpf, {1, 'a'}, true},
      {kSpf, {}, false},
      {rrtype::kHinfo, {0, 0}, true},
      {rrtype::kHinfo, {0}, false},
      {rrtype::kHinfo, {0, 0, 0}, false},
      {rrtype::kHinfo, {1, 'a', 1}, false},
      {rrtype::kNaptr, {0, 1, 0, 1, 0, 0, 0, 0}, true},
      {rrtype::kNaptr, {0, 1, 0, 1, 0, 0, 0}, false},
      {rrtype::kNaptr, {0, 1, 0, 1, 9, 's', 0, 0, 0}, false},
      {27, {1, '1', 1, '2', 0}, true},  // GPOS
      {27, {1, '1', 1, '2'}, false},
      {kCaa, {0, 5, 'i', 's', 's', 'u', 'e', 'x'}, true},
      {kCaa, {0, 5, 'i', 's', 's', 'u', 'e'}, true},
      {kCaa, {0, 5, 'i', 's', 's', 'u'}, false},
      {kCaa, {0, 0}, false},
      {kCaa, {0, 2, 'a', '-', 'x'}, false},
      {kCaa, {0}, false},
  }));
  CAPTURE(type, rdata);
  CHECK(is_good(type, rdata) == expected);
}

TEST_CASE("type bitmaps have windows in their order, of 1 to 32 bytes", "[dns][rdata_check]") {
  const auto [bitmaps, expected] = GENERATE(table<Wire, bool>({
      {{0, 1, 0x40}, true},
      {Wire{0, 32} + Wire(32, 1), true},
      {{0, 1, 0x40, 1, 1, 0x40, 255, 1, 1}, true},
      {Wire{0, 33} + Wire(33, 1), false},
      {{0, 0}, false},
      {{0, 1, 0x40, 0, 1, 0x40}, false},
      {{1, 1, 0x40, 0, 1, 0x40}, false},
      {{0, 2, 0x40}, false},
      {{0, 1, 0x40, 1}, false},
      {{0}, false},
  }));
  CAPTURE(bitmaps);
  CHECK(is_good(rrtype::kNsec, kName + bitmaps) == expected);
  CHECK(is_good(rrtype::kNsec3, Wire{1, 0, 0, 0, 0, 1, 9} + bitmaps) == expected);
  CHECK(is_good(kCsync, Wire(6, 0) + bitmaps) == expected);
}

TEST_CASE("only an NSEC must name types", "[dns][rdata_check]") {
  CHECK_FALSE(is_good(rrtype::kNsec, kName));
  CHECK(is_good(rrtype::kNsec3, {1, 0, 0, 0, 0, 1, 9}));  // RFC 5155 section 7.1: between names
  CHECK(is_good(kCsync, Wire(6, 0)));
  CHECK_FALSE(is_good(kCsync, Wire(5, 0)));
}

TEST_CASE("an NSEC3 has a salt and a hash", "[dns][rdata_check]") {
  CHECK_FALSE(is_good(rrtype::kNsec3, {1, 0, 0, 0, 0, 0, 0, 1, 0x40}));  // no hash
  CHECK_FALSE(is_good(rrtype::kNsec3, {1, 0, 0, 0, 9, 1}));
  CHECK_FALSE(is_good(rrtype::kNsec3, {1, 0, 0, 0, 0, 9, 1}));
  CHECK(is_good(kNsec3Param, {1, 0, 0, 0, 2, 1, 1}));
  CHECK_FALSE(is_good(kNsec3Param, {1, 0, 0, 0, 2, 1}));
  CHECK_FALSE(is_good(kNsec3Param, {1, 0, 0, 0, 2, 1, 1, 1}));
}

TEST_CASE("a digest has its algorithm's size", "[dns][rdata_check]") {
  const auto [type, head, size, expected] = GENERATE(table<uint16_t, Wire, size_t, bool>({
      {rrtype::kDs, {0, 1, 13, 1}, 20, true},
      {rrtype::kDs, {0, 1, 13, 1}, 19, false},
      {rrtype::kDs, {0, 1, 13, 2}, 32, true},
      {rrtype::kDs, {0, 1, 13, 2}, 33, false},
      {rrtype::kDs, {0, 1, 13, 4}, 48, true},
      {rrtype::kDs, {0, 1, 13, 4}, 32, false},
      {rrtype::kDs, {0, 1, 13, 99}, 7, true},
      {rrtype::kDs, {0, 1, 13, 99}, 0, false},
      {rrtype::kDs, {0, 1, 13}, 0, false},
      {kCds, {0, 0, 0, 0}, 1, true},  // RFC 8078 section 4: remove the DS
      {kSshfp, {4, 1}, 20, true},
      {kSshfp, {4, 1}, 21, false},
      {kSshfp, {4, 2}, 32, true},
      {kSshfp, {4, 2}, 31, false},
      {kSshfp, {4, 9}, 1, true},
      {kZonemd, {0, 0, 0, 1, 1, 1}, 48, true},
      {kZonemd, {0, 0, 0, 1, 1, 1}, 47, false},
      {kZonemd, {0, 0, 0, 1, 1, 2}, 64, true},
      {kZonemd, {0, 0, 0, 1, 1, 9}, 12, true},
      {kZonemd, {0, 0, 0, 1, 1, 9}, 11, false},
  }));
  CAPTURE(type, head, size);
  CHECK(is_good(type, head + Wire(size, 7)) == expected);
}

TEST_CASE("places, gateways, prefixes and identities", "[dns][rdata_check]") {
  const auto [type, rdata, expected] = GENERATE_COPY(table<uint16_t, Wire, bool>({
      {kLoc, loc(0, 0x12), true},
      {kLoc, loc(0, 0xA2), false},  // mantissa and exponent are digits
      {kLoc, loc(0, 0x1A), false},
      {kLoc, loc(1, 0xFF), true},  // another version
      {kLoc, loc(0, 0x12) + Wire{0}, false},
      {kLoc, Wire(15, 0), false},
      {kIpsecKey, {1, 0, 2, 9}, true},
      {kIpsecKey, {1, 1, 2, 192, 0, 2, 1, 9}, true},
      {kIpsecKey, {1, 1, 2, 192, 0, 2}, false},
      {kIpsecKey, Wire{1, 2, 2} + Wire(16, 1), true},
      {kIpsecKey, Wire{1, 2, 2} + Wire(15, 1), false},
      {kIpsecKey, Wire{1, 3, 2} + kName + Wire{9}, true},
      {kIpsecKey, Wire{1, 3, 2} + kPointer, false},
      {kIpsecKey, {1, 0}, false},
      {kAmtRelay, {1, 0}, true},
      {kAmtRelay, {1, 0x81, 192, 0, 2, 1}, true},
      {kAmtRelay, {1, 0x81, 192, 0, 2}, false},
      {kAmtRelay, {1, 0, 1}, false},
      {kApl, {}, true},
      {kApl, {0, 1, 24, 3, 192, 0, 2}, true},
      {kApl, {0, 1, 24, 0x83, 192, 0, 2, 0, 2, 0, 0}, true},
      {kApl, {0, 1, 33, 3, 192, 0, 2}, false},
      {kApl, {0, 1, 24, 5, 192, 0, 2, 1, 1}, false},
      {kApl, {0, 1, 24, 4, 192, 0, 2, 0}, false},  // RFC 3123 section 4: no zeros at the end
      {kApl, {0, 1, 24, 3, 192, 0}, false},
      {kHip, Wire{1, 2, 0, 1, 7, 8} + kName + kName, true},
      {kHip, Wire{1, 2, 0, 1, 7, 8}, true},
      {kHip, Wire{0, 2, 0, 1, 8}, false},
      {kHip, Wire{1, 2, 0, 0, 7}, false},
      {kHip, Wire{1, 2, 0, 1, 7, 8} + kPointer, false},
      {kHip, Wire{9, 2, 0, 1, 7, 8}, false},
  }));
  CAPTURE(type, rdata);
  CHECK(is_good(type, rdata) == expected);
}

TEST_CASE("service parameters are whole, in order, and what their keys say", "[dns][rdata_check]") {
  // RFC 9460 sections 2.2, 7 and 8
  const Wire alpn{0, 1, 0, 3, 2, 'h', '2'};
  const Wire port{0, 3, 0, 2, 1, 187};
  const auto [parameters, expected] = GENERATE_COPY(table<Wire, bool>({
      {Wire{}, true},
      {alpn + port, true},
      {port + alpn, false},
      {port + port, false},
      {{0, 1, 0}, false},
      {{0, 1, 0, 4, 2, 'h', '2'}, false},
      {{0, 1, 0, 3, 3, 'h', '2'}, false},
      {{0, 1, 0, 0}, false},     // no protocol
      {{0, 1, 0, 1, 0}, false},  // an empty one
      {alpn + Wire{0, 2, 0, 0}, true},
      {Wire{0, 2, 0, 0}, false},         // no-default-alpn without alpn
      {alpn + Wire{0, 5, 0, 0}, false},  // no ECHConfigList is empty
      {alpn + Wire{0, 2, 0, 1, 0}, false},
      {{0, 3, 0, 1, 1}, false},
      {{0, 3, 0, 3, 1, 1, 1}, false},
      {{0, 4, 0, 4, 192, 0, 2, 1}, true},
      {{0, 4, 0, 0}, false},
      {{0, 4, 0, 5, 192, 0, 2, 1, 1}, false},
      {Wire{0, 6, 0, 16} + Wire(16, 1), true},
      {{0, 6, 0, 0}, false},
      {Wire{0, 6, 0, 15} + Wire(15, 1), false},
      {{0, 8, 0, 0}, true},
      {{0, 8, 0, 1, 0}, false},
      {{0xFF, 0, 0, 2, 1, 1}, true},  // a key that we do not know
      {Wire{0, 0, 0, 2, 0, 1} + alpn, true},
      {Wire{0, 0, 0, 4, 0, 1, 0, 3} + alpn + port, true},
      {Wire{0, 0, 0, 4, 0, 3, 0, 1} + alpn + port, false},  // not ascending
      {Wire{0, 0, 0, 4, 0, 1, 0, 1} + alpn, false},         // twice
      {Wire{0, 0, 0, 2, 0, 0} + alpn, false},               // itself
      {Wire{0, 0, 0, 2, 0, 3} + alpn, false},               // not there
      {Wire{0, 0, 0, 4, 0, 1, 0, 3} + alpn, false},
      {Wire{0, 0, 0, 4, 0, 2, 0, 3} + alpn + port, false},
      {Wire{0, 0, 0, 0} + alpn, false},
      {Wire{0, 0, 0, 3, 0, 1, 0} + alpn, false},
  }));
  CAPTURE(parameters);
  for (const uint16_t type : {rrtype::kHttps, rrtype::kSvcb}) {
    CHECK(is_good(type, Wire{0, 1} + kName + parameters) == expected);
    CHECK(is_good(type, Wire{0, 1, 0} + parameters) == expected);
    CHECK_FALSE(is_good(type, Wire{0, 1} + kPointer + parameters));
  }
}

TEST_CASE("the alias form's parameters are whole and in order, whatever they say", "[dns][rdata_check]") {
  CHECK(is_good(rrtype::kHttps, Wire{0, 0} + kName));
  CHECK(is_good(rrtype::kHttps, Wire{0, 0} + kName + Wire{0, 3, 0, 1, 1, 0, 4, 0, 0}));
  CHECK_FALSE(is_good(rrtype::kHttps, Wire{0, 0} + kName + Wire{0, 3, 0, 9, 1}));
  CHECK_FALSE(is_good(rrtype::kHttps, Wire{0, 0} + kName + Wire{0, 4, 0, 0, 0, 3, 0, 0}));
  CHECK_FALSE(is_good(rrtype::kHttps, Wire{0, 0}));
}

}  // namespace cenote::rdata_check_test
