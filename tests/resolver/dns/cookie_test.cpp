#include "resolver/dns/cookie.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace cenote::cookie_test {
namespace {

std::vector<uint8_t> bytes_of(std::string_view hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

SipKey key_of(std::string_view hex) {
  SipKey key{};
  const auto bytes = bytes_of(hex);
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

IpAddress address(const char* text) {
  return *IpAddress::from_text(text);
}

constexpr uint32_t kThen = 1559731985;

}  // namespace

TEST_CASE("SipHash-2-4 gives what its authors print", "[dns][cookie]") {  // appendix A of the paper
  SipKey key{};
  std::array<uint8_t, 15> data{};
  for (uint8_t i = 0; i < 16; ++i) {
    key[i] = i;
  }
  for (uint8_t i = 0; i < 15; ++i) {
    data[i] = i;
  }
  CHECK(siphash24(key, data) == 0xa129ca6149be45e5ULL);
}

TEST_CASE("RFC 9018 appendix A.1: a cookie made for an IPv4 client", "[dns][cookie]") {
  const CookieMaker maker({key_of("e5e973e5a6b2a43f48e7dc849e37bfcf")});
  const auto made = maker.make(bytes_of("2464c4abcf10c957"), address("198.51.100.100"), kThen);
  CHECK(std::vector<uint8_t>(made.begin(), made.end()) ==
        bytes_of("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
}

TEST_CASE("RFC 9018 appendix A.4: a cookie made for an IPv6 client, and one of the secret before",
          "[dns][cookie]") {
  const CookieMaker maker(
      {key_of("445536bcd2513298075a5d379663c962"), key_of("dd3bdf9344b678b185a6f5cb60fca715")});
  const IpAddress client = address("2001:db8:220:1:59de:d0f4:8769:82b8");
  CHECK(maker.is_good(bytes_of("22681ab97d52c298010000005cf7c57926556bd0934c72f8"), client, 0x5cf7c609));
  const auto made = maker.make(bytes_of("22681ab97d52c298"), client, 0x5cf7c609);
  CHECK(std::vector<uint8_t>(made.begin(), made.end()) ==
        bytes_of("22681ab97d52c298010000005cf7c609a6bb79d16625507a"));
}

TEST_CASE("RFC 9018 section 4.3: a cookie is good for an hour, five minutes ahead, and for its client alone",
          "[dns][cookie]") {
  const CookieMaker maker({key_of("e5e973e5a6b2a43f48e7dc849e37bfcf")});
  const IpAddress client = address("198.51.100.100");
  const auto cookie = maker.make(bytes_of("2464c4abcf10c957"), client, kThen);
  CHECK(maker.is_good(cookie, client, kThen));
  CHECK(maker.is_good(cookie, client, kThen + 3600));
  CHECK_FALSE(maker.is_good(cookie, client, kThen + 3601));
  CHECK(maker.is_good(cookie, client, kThen - 300));
  CHECK_FALSE(maker.is_good(cookie, client, kThen - 301));
  CHECK_FALSE(maker.is_good(cookie, address("198.51.100.101"), kThen));
  CHECK_FALSE(CookieMaker({key_of("00")}).is_good(cookie, client, kThen));
  for (size_t i = 0; i < cookie.size(); ++i) {
    auto forged = cookie;
    forged[i] ^= 1;
    CAPTURE(i);
    CHECK_FALSE(maker.is_good(forged, client, kThen));
  }
  CHECK_FALSE(maker.is_good(Bytes(cookie).first(8), client, kThen));
}

}  // namespace cenote::cookie_test
