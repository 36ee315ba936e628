// Who resolves what is not blocked. Filled by conf/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/dns/name.h"

namespace cenote {

struct UpstreamServer {
  enum class Scheme : uint8_t {
    kUdp,  // and TCP when an answer is truncated
    kTcp,
    kTls,    // RFC 7858
    kHttps,  // RFC 8484
  };
  Scheme scheme = Scheme::kUdp;
  SocketAddress address;
  std::string tls_name;  // kTls, kHttps: the name that the certificate must carry; empty: the address
  std::string path;      // kHttps: "/dns-query"
  std::vector<std::string>
      tls_pins;           // base64 SHA-256 of its key; one that fits is enough (RFC 7858 section 4.2)
  std::string ca_file;    // PEM; empty: the system's authorities
  bool mix_case = false;  // kUdp: questions are written in letters of random case
  bool cookies = false;   // kUdp: questions carry a DNS cookie

  bool operator==(const UpstreamServer&) const = default;
};

struct UpstreamZone {
  Name zone;  // with everything below; the longest zone that holds the question wins
  std::vector<UpstreamServer> servers;
  bool trust_ad = false;  // they validate, and nobody stands between: their AD may be passed on
  // Of this zone with these servers, in the cache that outlives a configuration; see number_zones(). 0: its
  // place among the zones.
  uint32_t number = 0;

  bool operator==(const UpstreamZone&) const = default;
};

struct UpstreamSettings {
  std::vector<UpstreamZone> zones;  // without the root zone: the machine's own resolvers serve it

  bool operator==(const UpstreamSettings&) const = default;
};

// Gives each zone the number that it had among the zones `before`, and what is new or has changed the next
// one after `last`: what other servers said is not these servers' word.
void number_zones(UpstreamSettings& settings, const UpstreamSettings& before, uint32_t& last);

}  // namespace cenote
