#include "resolver/net/proxy_header.h"

#include <vector>

#include <catch2/catch.hpp>

namespace cenote::proxy_header_test {
namespace {

using Wire = std::vector<uint8_t>;

const Wire kSignature{'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

// `length`: as the header says it, when that is to be a lie.
Wire header(uint8_t command, uint8_t family, const Wire& body, std::optional<size_t> length = {}) {
  Wire made = kSignature;
  const size_t said = length.value_or(body.size());
  made.insert(made.end(), {command, family, static_cast<uint8_t>(said >> 8), static_cast<uint8_t>(said)});
  made.insert(made.end(), body.begin(), body.end());
  return made;
}

Wire addresses(const char* client, const char* server, uint16_t client_port) {
  Wire body;
  for (const char* text : {client, server}) {
    const IpAddress address = *IpAddress::from_text(text);
    body.insert(body.end(), address.bytes().begin(), address.bytes().end());
  }
  body.insert(body.end(), {static_cast<uint8_t>(client_port >> 8), static_cast<uint8_t>(client_port), 0, 53});
  return body;
}

const Wire kV4 = addresses("192.0.2.7", "198.51.100.1", 4321);
const Wire kV6 = addresses("2001:db8::7", "2001:db8::1", 4321);

ProxyStatus parse(const Wire& bytes) {
  ProxyHeader out;
  return parse_proxy_header(bytes, out);
}

}  // namespace

TEST_CASE("a header names the client, by IPv4 and IPv6, for TCP and UDP", "[net][proxy_header]") {
  for (const uint8_t protocol : std::vector<uint8_t>{1, 2}) {
    ProxyHeader out;
    REQUIRE(parse_proxy_header(header(0x21, static_cast<uint8_t>(0x10 | protocol), kV4), out) ==
            ProxyStatus::kOk);
    CHECK(out.size == 28);
    CHECK_FALSE(out.is_local);
    CHECK(out.client.to_text() == "192.0.2.7:4321");
    REQUIRE(parse_proxy_header(header(0x21, static_cast<uint8_t>(0x20 | protocol), kV6), out) ==
            ProxyStatus::kOk);
    CHECK(out.size == 52);
    CHECK(out.client.to_text() == "[2001:db8::7]:4321");
  }
}

TEST_CASE("what follows the addresses belongs to the header, what follows the header does not",
          "[net][proxy_header]") {
  Wire body = kV4;
  body.insert(body.end(), {3, 0, 4, 1, 2, 3, 4});
  Wire bytes = header(0x21, 0x12, body);
  bytes.insert(bytes.end(), {9, 9, 9});
  ProxyHeader out;
  REQUIRE(parse_proxy_header(bytes, out) == ProxyStatus::kOk);
  CHECK(out.size == 35);
  CHECK(out.client.to_text() == "192.0.2.7:4321");
}

TEST_CASE("an IPv4-mapped client is the IPv4 one", "[net][proxy_header]") {
  Wire body(36);
  body[10] = body[11] = 0xFF;
  body[12] = 10;
  body[15] = 1;
  ProxyHeader out;
  REQUIRE(parse_proxy_header(header(0x21, 0x22, body), out) == ProxyStatus::kOk);
  CHECK(out.client.address() == *IpAddress::from_text("10.0.0.1"));
}

TEST_CASE("a health check speaks for itself, whatever it carries", "[net][proxy_header]") {
  for (const Wire& bytes : {header(0x20, 0x00, {}), header(0x20, 0x11, kV4), header(0x20, 0xFF, Wire(9))}) {
    ProxyHeader out;
    REQUIRE(parse_proxy_header(bytes, out) == ProxyStatus::kOk);
    CHECK(out.is_local);
    CHECK(out.size == bytes.size());
  }
}

TEST_CASE("each beginning of a header asks for more", "[net][proxy_header]") {
  for (const Wire& whole : {header(0x21, 0x11, kV4), header(0x21, 0x21, kV6), header(0x20, 0, {})}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(parse({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}) == ProxyStatus::kIncomplete);
      CHECK(has_proxy_signature(Bytes(whole).first(size)) == (size >= kSignature.size()));
    }
  }
}

TEST_CASE("what is no header of version 2 or names no client is malformed", "[net][proxy_header]") {
  CHECK(parse({'P', 'R', 'O', 'X', 'Y', ' '}) == ProxyStatus::kMalformed);  // version 1
  CHECK(parse({'\r', '\n', '\r', 'x'}) == ProxyStatus::kMalformed);
  CHECK(parse(header(0x11, 0x11, kV4)) == ProxyStatus::kMalformed);  // version 1 in binary
  CHECK(parse(header(0x31, 0x11, kV4)) == ProxyStatus::kMalformed);
  CHECK(parse(header(0x22, 0x11, kV4)) == ProxyStatus::kMalformed);  // no such command
  CHECK(parse(header(0x21, 0x00, {})) == ProxyStatus::kMalformed);   // an unknown client
  CHECK(parse(header(0x21, 0x10, kV4)) == ProxyStatus::kMalformed);
  CHECK(parse(header(0x21, 0x13, kV4)) == ProxyStatus::kMalformed);
  CHECK(parse(header(0x21, 0x31, Wire(216))) == ProxyStatus::kMalformed);  // a Unix socket
  CHECK(parse(header(0x21, 0x11, Wire(11))) == ProxyStatus::kMalformed);
  CHECK(parse(header(0x21, 0x21, Wire(35))) == ProxyStatus::kMalformed);
  CHECK(parse(header(0x21, 0x21, kV4)) == ProxyStatus::kMalformed);
  CHECK(parse(header(0x21, 0x11, kV4, kMostProxyHeader)) == ProxyStatus::kMalformed);  // at once
  CHECK(parse(header(0x21, 0x11, kV4, kMostProxyHeader - 16)) == ProxyStatus::kIncomplete);
}

}  // namespace cenote::proxy_header_test
