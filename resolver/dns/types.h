// Numbers of the DNS protocol that the program names itself. IANA "Domain Name System (DNS) Parameters".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cenote {

namespace rrtype {
constexpr uint16_t kA = 1, kNs = 2, kCname = 5, kSoa = 6, kPtr = 12, kHinfo = 13, kMx = 15, kTxt = 16,
                   kAaaa = 28, kSrv = 33, kNaptr = 35, kDname = 39, kOpt = 41, kDs = 43, kRrsig = 46,
                   kNsec = 47, kNsec3 = 50, kSvcb = 64, kHttps = 65, kTkey = 249, kTsig = 250, kIxfr = 251,
                   kAxfr = 252, kMailb = 253, kMaila = 254, kAny = 255;
}  // namespace rrtype

constexpr uint16_t kClassIn = 1;
constexpr uint16_t kClassChaos = 3;

namespace edns_option {  // IANA "DNS EDNS0 Option Codes"
constexpr uint16_t kNsid = 3, kCookie = 10, kTcpKeepalive = 11, kPadding = 12, kExtendedError = 15,
                   kStructuredError = 26;
}  // namespace edns_option

enum class Rcode : uint8_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kBadVers = 16,  // RFC 6891 section 6.1.3: its upper bits live in the OPT record
};

// Extended DNS errors, RFC 8914 section 4 and the IANA registry.
enum class Ede : uint16_t {
  kOther = 0,
  kStaleAnswer = 3,
  kForgedAnswer = 4,
  kCachedError = 13,
  kNotReady = 14,
  kBlocked = 15,
  kCensored = 16,
  kFiltered = 17,
  kProhibited = 18,
  kStaleNxdomain = 19,
  kNotAuthoritative = 20,
  kNotSupported = 21,
  kNoReachableAuthority = 22,
  kNetworkError = 23,
  kInvalidData = 24,
};

namespace flag {  // of the header's second 16 bits, RFC 1035 section 4.1.1 and RFC 4035 section 3
constexpr uint16_t kQr = 0x8000, kOpcode = 0x7800, kAa = 0x0400, kTc = 0x0200, kRd = 0x0100, kRa = 0x0080,
                   kZ = 0x0040, kAd = 0x0020, kCd = 0x0010, kRcode = 0x000F;
}  // namespace flag

constexpr size_t kHeaderBytes = 12;
// What we accept and announce over UDP: no fragmentation on any common path (RFC 9715).
constexpr uint16_t kUdpBytes = 1232;
constexpr uint16_t kClassicUdpBytes = 512;  // RFC 1035 section 4.2.1, for queries without EDNS
constexpr size_t kMaxMessageBytes = 65535;

// "A", "HTTPS", "TYPE65280" (RFC 3597). Allocates: not for the hot path.
std::string type_text(uint16_t type);
// A mnemonic or TYPEn, any letter case; 0 when it is neither.
uint16_t parse_type(std::string_view text);
std::string_view rcode_text(uint8_t rcode) noexcept;  // "NOERROR", "NXDOMAIN", ...

}  // namespace cenote
