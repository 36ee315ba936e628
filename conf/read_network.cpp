// The sections about addresses: who may ask, where, whom we ask, and where a blocked name leads.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "conf/sections.h"
#include "resolver/base/text.h"
#include "resolver/policy/clients.h"

namespace cenote {
namespace {

struct Scheme {
  std::string_view prefix;
  UpstreamServer::Scheme scheme;
  uint16_t port;
};
constexpr std::array<Scheme, 4> kSchemes{{{"udp://", UpstreamServer::Scheme::kUdp, 53},
                                          {"tcp://", UpstreamServer::Scheme::kTcp, 53},
                                          {"tls://", UpstreamServer::Scheme::kTls, 853},
                                          {"https://", UpstreamServer::Scheme::kHttps, 443}}};

// "#dns.example.net", "#pin-sha256=...": what authenticates the server, several joined by "&". False:
// neither.
bool read_authentication(std::string_view text, UpstreamServer& server) {
  constexpr std::string_view kPin = "pin-sha256=";
  constexpr size_t kPinBytes = 44;  // base64 of a SHA-256
  for (const std::string_view part : split(text, '&')) {
    if (part.starts_with(kPin)) {
      server.tls_pins.emplace_back(part.substr(kPin.size()));
      if (server.tls_pins.back().size() != kPinBytes || server.tls_pins.back().back() != '=') {
        return false;
      }
    } else if (server.tls_name.empty() && Name::from_text(part)) {
      server.tls_name = part;
    } else {
      return false;
    }
  }
  return true;
}

// "udp://192.0.2.53:53", "tls://192.0.2.54#dns.example.net", "https://192.0.2.54/dns-query#dns.example.net".
std::optional<UpstreamServer> parse_server(std::string_view text) {
  const auto* const scheme = std::find_if(kSchemes.begin(), kSchemes.end(),
                                          [&](const Scheme& s) { return text.starts_with(s.prefix); });
  if (scheme == kSchemes.end()) {
    return std::nullopt;
  }
  text.remove_prefix(scheme->prefix.size());
  UpstreamServer server;
  server.scheme = scheme->scheme;
  const bool is_encrypted = scheme->port == 853 || scheme->port == 443;
  if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
    if (!is_encrypted || !read_authentication(text.substr(hash + 1), server)) {
      return std::nullopt;
    }
    text = text.substr(0, hash);
  }
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    server.path = text.substr(slash);
    text = text.substr(0, slash);
  } else if (scheme->scheme == UpstreamServer::Scheme::kHttps) {
    server.path = "/dns-query";
  }
  const bool is_printable =
      std::all_of(server.path.begin(), server.path.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!is_printable || (!server.path.empty() && scheme->scheme != UpstreamServer::Scheme::kHttps)) {
    return std::nullopt;
  }
  const auto address = SocketAddress::from_text(text, scheme->port);
  if (!address || address->port() == 0 || needs_zone(*address)) {
    return std::nullopt;
  }
  server.address = *address;
  return server;
}

ValueKind<UpstreamServer> upstream_server() {
  return {
      R"(a server such as "udp://192.0.2.53:53" or "tls://192.0.2.54#dns.example.net", by address, not by name)",
      parse_server, [](std::string_view text) {
        const size_t scheme = text.find("://");
        const size_t host = scheme == std::string_view::npos ? text.size() : scheme + 3;
        const std::string_view rest = text.substr(host);
        return explain_zone(rest.substr(0, rest.find_first_of("/#")));
      }};
}

ValueKind<std::optional<IpAddress>> sinkhole_address(bool is_v4) {
  return {fmt::format("an IPv{} address of the block page, or none", is_v4 ? 4 : 6),
          [=](std::string_view text) -> std::optional<std::optional<IpAddress>> {
            if (text == "none") {
              return std::optional<IpAddress>{};
            }
            const auto address = IpAddress::from_text(text);
            const bool is_unset =
                address && std::ranges::all_of(address->bytes(), [](uint8_t b) { return b == 0; });
            // A multicast or unspecified address leads nowhere or to the client itself.
            const bool is_multicast =
                address && (address->bytes()[0] >= 0xE0) && (is_v4 || address->bytes()[0] == 0xFF);
            if (!address || address->is_v4() != is_v4 || is_unset || is_multicast) {
              return std::nullopt;
            }
            return address;
          }};
}

// One value for all, or a mapping by category over the defaults.
template <typename T>
void read_by_category(MapReader& map, std::string_view key, ByCategory<T>& out, const ValueKind<T>& kind,
                      Findings& findings) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) {
    return;
  }
  if (node->kind != YamlNode::Kind::kMap) {
    if (auto value = read_value(*node, map.path_of(key), kind, findings)) {
      out = {std::move(*value), {}};
    }
    return;
  }
  for (const YamlNode::Entry& entry : node->entries) {
    const std::string path = map.path_of(key) + "." + printable(entry.key, 60);
    auto value = read_value(entry.value, path, kind, findings);
    const auto category = category_name().parse(entry.key);
    if (!category) {
      findings.error(entry.at, fmt::format("{}: expected {}", path, category_name().expected));
    } else if (value) {
      (*category == "default" ? out.otherwise : out.of[*category]) = std::move(*value);
    }
  }
}

ValueKind<std::string> client_pattern() {
  return {R"(a client's name such as "kiosk-7", in small letters, or "*.lab.corp.example")",
          [](std::string_view text) {
            return is_client_pattern(text) ? std::optional(std::string(text)) : std::nullopt;
          }};
}

void read_group(MapReader& map, GroupSettings& group, Findings& findings) {
  map.value("name", group.name, category_name());
  if (!map.has("name")) {
    findings.error(map.at(), "a group needs a name");
  }
  map.list("from", group.from, prefix());
  map.list("names", group.names, client_pattern());
  const YamlNode* actions = map.find("actions");
  if (actions == nullptr || actions->kind == YamlNode::Kind::kNull) {
    return;
  }
  if (actions->kind != YamlNode::Kind::kMap) {
    findings.error(actions->at, fmt::format("{}: expected a mapping such as {{c2: monitor}}, not {}",
                                            map.path_of("actions"), describe(*actions)));
    return;
  }
  for (const YamlNode::Entry& entry : actions->entries) {
    const std::string path = map.path_of("actions") + "." + printable(entry.key, 60);
    const auto category = category_name().parse(entry.key);
    if (!category) {
      findings.error(entry.at, fmt::format("{}: expected {}", path, category_name().expected));
    } else if (const auto value = read_value(entry.value, path, action(), findings)) {
      group.actions[*category] = *value;
    }
  }
}

// Two services on one port of one address cannot both be bound; "0.0.0.0" and "::" take every address of
// theirs.
bool overlaps(const SocketAddress& a, const SocketAddress& b) {
  const auto is_any = [](const IpAddress& ip) {
    return std::ranges::all_of(ip.bytes(), [](uint8_t byte) { return byte == 0; });
  };
  const IpAddress left = a.address();
  const IpAddress right = b.address();
  return a.port() == b.port() && a.port() != 0 && left.is_v4() == right.is_v4() &&
         ((left == right && a.zone() == b.zone()) || is_any(left) || is_any(right));
}

void check_upstreams(ReadContext& context) {
  for (const UpstreamZone& zone : context.settings.upstream.zones) {
    for (const UpstreamServer& server : zone.servers) {
      for (const auto& claim : context.claims) {
        if (claim.key.starts_with("listen.") && overlaps(claim.address, server.address)) {
          context.findings.error(claim.at,
                                 fmt::format("{}: {} is also an upstream of zone {}: Cenote would ask itself",
                                             claim.key, claim.address.to_text(), zone.zone.to_text()));
        }
      }
    }
  }
}

// The authority that a zone's servers are checked with, in place of the system's. Without it they are not
// asked; that is no error, for DNS and blocking go on.
void read_authority(MapReader& item, UpstreamZone& zone, ReadContext& context) {
  std::string file;
  read_path(item, "ca", file, context);
  std::error_code failed;
  if (!file.empty() && context.looks_at_files && !std::filesystem::is_regular_file(file, failed)) {
    context.findings.warning(
        item.at("ca"),
        fmt::format("{}: there is no file {}; these servers are not asked", item.path_of("ca"), file));
  }
  for (UpstreamServer& server : zone.servers) {
    server.ca_file = file;
  }
}

// What the zone's servers are asked with over UDP, against forged replies.
void read_echoes(MapReader& item, UpstreamZone& zone) {
  const UpstreamServer defaults;
  bool mix_case = defaults.mix_case;
  bool cookies = defaults.cookies;
  item.value("mix_case", mix_case, yes_or_no());
  item.value("cookies", cookies, yes_or_no());
  for (UpstreamServer& server : zone.servers) {
    server.mix_case = mix_case;
    server.cookies = cookies;
  }
}

// In clear, whoever stands between can set AD (RFC 6840 section 5.8 wants a secure channel).
void check_trust(const MapReader& item, const UpstreamZone& zone, ReadContext& context) {
  for (const UpstreamServer& server : zone.servers) {
    const bool is_clear =
        server.scheme == UpstreamServer::Scheme::kUdp || server.scheme == UpstreamServer::Scheme::kTcp;
    if (zone.trust_ad && is_clear && is_global(server.address.address())) {
      context.findings.warning(item.at("trust_ad"),
                               fmt::format("{}: the way to {} is neither encrypted nor inside: anybody on it "
                                           "can set AD",
                                           item.path_of("trust_ad"), server.address.to_text()));
    }
  }
}

// A client that is told "127.0.0.1" reaches itself, not the block page.
void check_sinkhole(ReadContext& context, TextPosition at) {
  const auto& listeners = context.settings.listen.dns;
  const bool serves_others = std::ranges::any_of(
      listeners, [](const SocketAddress& address) { return !is_loopback(address.address()); });
  for (const auto* addresses :
       {&context.settings.policy.sinkhole.ipv4, &context.settings.policy.sinkhole.ipv6}) {
    if (serves_others && addresses->otherwise && is_loopback(*addresses->otherwise)) {
      context.findings.warning(
          at, fmt::format("sinkhole: {} leads other machines to themselves, not to the block "
                          "page; set an address of this host, or none",
                          addresses->otherwise->to_text()));
    }
  }
}

}  // namespace

void read_listen(MapReader& root, ReadContext& context) {
  ListenSettings& listen = context.settings.listen;
  MapReader map = root.section("listen");
  read_listeners(map, "dns", listen.dns, context);
  map.list("proxies", listen.proxies, prefix());
  read_listeners(map, "dot", listen.dot, context);
  read_listeners(map, "doh", listen.doh, context);
  const ValueKind<unsigned> workers{"auto, or a number from 1 to 256", [](std::string_view text) {
                                      const auto number = parse_number(text, 256);
                                      return text == "auto" ? std::optional(0U)
                                             : number && *number > 0
                                                 ? std::optional(static_cast<unsigned>(*number))
                                                 : std::nullopt;
                                    }};
  map.value("workers", listen.workers, workers);
  map.finish();
  if (listen.dns.empty() && listen.dot.empty() && listen.doh.empty()) {
    context.findings.error(map.at("dns"), "listen: nothing to listen on");
  }
  MapReader tls = root.section("tls");
  read_certificate(tls, listen.tls.certificate, listen.tls.key, context);
  const ValueKind<std::string> host_name{
      R"(a host name such as "dns.corp.example")", [](std::string_view text) {
        return Name::from_text(text) ? std::optional(std::string(text)) : std::nullopt;
      }};
  tls.value("name", listen.tls.name, host_name);
  read_path(tls, "client_ca", listen.tls.client_ca, context);
  context.settings.policy.clients.certificates = !listen.tls.client_ca.empty();
  tls.finish();
  if (listen.tls.certificate.empty() && !(listen.dot.empty() && listen.doh.empty())) {
    context.findings.warning(
        map.at(listen.dot.empty() ? "doh" : "dot"),
        "without tls.certificate clients of dot and doh are shown a self-signed one, made in "
        "state_dir");
  }
}

void read_clients(MapReader& root, ReadContext& context) {
  ClientSettings& clients = context.settings.policy.clients;
  MapReader map = root.section("clients");
  map.list("allow", clients.allow, prefix());
  if (clients.allow.empty()) {
    context.findings.warning(map.at("allow"), "clients.allow: nobody will be answered");
  }
  map.value("names_by_path", clients.names_by_path, yes_or_no());
  std::set<std::string> names;
  std::map<std::string, std::string> members;  // a client's name, and its group's
  std::vector<std::pair<Prefix, std::string>> taken;
  read_each(map, "groups", context.findings, [&](MapReader& item) {
    GroupSettings group;
    read_group(item, group, context.findings);
    if (!group.name.empty() && !names.insert(group.name).second) {
      context.findings.error(item.at("name"), fmt::format("the group '{}' is there already", group.name));
    }
    for (const Prefix& from : group.from) {
      const auto other = std::ranges::find_if(taken, [&](const auto& entry) { return entry.first == from; });
      if (other != taken.end()) {
        context.findings.error(item.at("from"), fmt::format("{} belongs to the group '{}' already",
                                                            from.to_text(), other->second));
      }
      taken.emplace_back(from, group.name);
    }
    for (const std::string& name : group.names) {
      if (const auto [other, is_new] = members.emplace(name, group.name); !is_new) {
        context.findings.error(item.at("names"),
                               fmt::format("{} belongs to the group '{}' already", name, other->second));
      }
    }
    clients.groups.push_back(std::move(group));
  });
  map.finish();
}

void read_upstream(MapReader& root, ReadContext& context) {
  UpstreamSettings& upstream = context.settings.upstream;
  read_each(root, "upstream", context.findings, [&](MapReader& item) {
    UpstreamZone zone;
    const bool has_zone = item.value("zone", zone.zone, domain_name());
    item.list("servers", zone.servers, upstream_server());
    read_authority(item, zone, context);
    read_echoes(item, zone);
    item.value("trust_ad", zone.trust_ad, yes_or_no());
    check_trust(item, zone, context);
    if (zone.servers.empty()) {
      context.findings.error(item.at("servers"), fmt::format("{}: no server", item.path_of("servers")));
    }
    const auto same = [&](const UpstreamZone& other) { return other.zone == zone.zone; };
    if (has_zone && std::ranges::any_of(upstream.zones, same)) {
      context.findings.error(item.at("zone"),
                             fmt::format("the zone {} is there already", zone.zone.to_text()));
    }
    upstream.zones.push_back(std::move(zone));
  });
}

void read_sinkhole(MapReader& root, ReadContext& context) {
  SinkholeSettings& sinkhole = context.settings.policy.sinkhole;
  MapReader map = root.section("sinkhole");
  read_by_category(map, "ipv4", sinkhole.ipv4, sinkhole_address(true), context.findings);
  read_by_category(map, "ipv6", sinkhole.ipv6, sinkhole_address(false), context.findings);
  // At most a minute: a lifted block, or a new one, must be felt soon.
  read_by_category(map, "ttl", sinkhole.ttl, seconds_between(seconds{0}, seconds{60}), context.findings);
  map.value("structured_errors", sinkhole.structured_errors, yes_or_no());
  map.finish();
  check_sinkhole(context, map.at());
}

void check_addresses(ReadContext& context) {
  const auto& claims = context.claims;
  for (size_t i = 0; i < claims.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (overlaps(claims[i].address, claims[j].address)) {
        context.findings.error(claims[i].at, fmt::format("{}: {} is taken by {} ({})", claims[i].key,
                                                         claims[i].address.to_text(), claims[j].key,
                                                         claims[j].address.to_text()));
        break;
      }
    }
  }
  check_upstreams(context);
}

}  // namespace cenote
