#include "resolver/listen/designation.h"

#include <array>

#include "resolver/dns/types.h"
#include "resolver/listen/doh_request.h"

namespace cenote {
namespace {

constexpr uint32_t kTtl = 300;
// RFC 9460 section 14.3.2, RFC 9461 section 5.
constexpr uint16_t kAlpn = 1, kPort = 3, kIpv4Hint = 4, kIpv6Hint = 6, kDohPathKey = 7;

void add_parameter(ByteWriter& writer, uint16_t key, Bytes value) {
  writer.u16(key);
  writer.u16(static_cast<uint16_t>(value.size()));
  writer.bytes(value);
}

bool is_wildcard(const IpAddress& address) {
  return address == IpAddress() || address == *IpAddress::from_text("::");
}

// One record for one address that we listen on. Parameters in the order of their keys (RFC 9460 section 2.2).
LocalRecord record_of(uint16_t priority, const Name& target, std::string_view alpn, const SocketAddress& at,
                      std::string_view path) {
  std::array<uint8_t, 2 * kMaxNameBytes> rdata;
  ByteWriter writer(rdata);
  writer.u16(priority);
  writer.bytes(target.wire());
  std::string protocol(1, static_cast<char>(alpn.size()));
  protocol += alpn;
  add_parameter(writer, kAlpn, as_bytes(protocol));
  const std::array<uint8_t, 2> port{static_cast<uint8_t>(at.port() >> 8), static_cast<uint8_t>(at.port())};
  add_parameter(writer, kPort, port);
  const IpAddress address = at.address();
  if (!is_wildcard(address) && !is_link_local(address)) {  // of which the client's zone is another's number
    add_parameter(writer, address.is_v4() ? kIpv4Hint : kIpv6Hint, address.bytes());
  }
  if (!path.empty()) {
    add_parameter(writer, kDohPathKey, as_bytes(path));
  }
  const Bytes written = writer.written();
  return {*Name::from_text("_dns.resolver.arpa"), rrtype::kSvcb, kTtl, {written.begin(), written.end()}};
}

}  // namespace

std::vector<LocalRecord> designated_resolvers(const ListenSettings& listen) {
  std::vector<LocalRecord> records;
  const auto name = Name::from_text(listen.tls.name);
  if (!name) {
    return records;
  }
  uint16_t priority = 1;
  for (const SocketAddress& address : listen.dot) {
    records.push_back(record_of(priority++, *name, "dot", address, ""));
  }
  const std::string path = std::string(kDohPath) + "{?dns}";
  for (const SocketAddress& address : listen.doh) {
    records.push_back(record_of(priority++, *name, "h2", address, path));
  }
  return records;
}

}  // namespace cenote
