// Who may ask, what is done about each category for whom, and what a sinkholed answer holds. Filled by conf/.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ioc/indicator.h"
#include "resolver/base/address.h"
#include "resolver/base/clock.h"

namespace cenote {

// One value for most categories and others for some: "{default: 30s, c2: 10s}".
template <typename T>
struct ByCategory {
  T otherwise{};
  std::map<std::string, T, std::less<>> of;

  [[nodiscard]] const T& for_category(std::string_view category) const {
    const auto found = of.find(category);
    return found == of.end() ? otherwise : found->second;
  }
  bool operator==(const ByCategory&) const = default;
};

struct GroupSettings {
  std::string name;                                    // at most 30 bytes: it travels in every event
  std::vector<Prefix> from;                            // the longest prefix of all groups decides
  std::vector<std::string> names;                      // of clients that say who they are, before any prefix;
                                                       // "kiosk-7", "*.lab.corp.example"
  std::map<std::string, Action, std::less<>> actions;  // by category, in place of the feed's own

  bool operator==(const GroupSettings&) const = default;
};

struct ClientSettings {
  // Loopback, the private networks (RFC 1918, RFC 4193) and the link (RFC 3927, RFC 4291): an open resolver
  // is an amplifier (RFC 5358).
  std::vector<Prefix> allow{*Prefix::from_text("127.0.0.0/8"),    *Prefix::from_text("::1/128"),
                            *Prefix::from_text("10.0.0.0/8"),     *Prefix::from_text("172.16.0.0/12"),
                            *Prefix::from_text("192.168.0.0/16"), *Prefix::from_text("169.254.0.0/16"),
                            *Prefix::from_text("fc00::/7"),       *Prefix::from_text("fe80::/10")};
  std::vector<GroupSettings> groups;
  bool certificates = false;  // tls.client_ca is set: who shows a certificate of it may ask from anywhere
  bool names_by_path =
      false;  // https://HOST/dns-query/NAME is the client NAME; the path is all that proves it

  bool operator==(const ClientSettings&) const = default;
};

struct SinkholeSettings {
  // The block page's address. Without one of a family that family's question gets NODATA.
  ByCategory<std::optional<IpAddress>> ipv4{IpAddress::v4({127, 0, 0, 1}), {}};
  ByCategory<std::optional<IpAddress>> ipv6{IpAddress::from_text("::1"), {}};
  // Short, so that a lifted block is soon felt; shorter for C2, where each repeat measures a beacon.
  ByCategory<seconds> ttl{seconds{30}, {{"c2", seconds{10}}}};
  bool structured_errors = true;  // the reason as JSON, for clients that ask for it

  bool operator==(const SinkholeSettings&) const = default;
};

struct PolicySettings {
  ClientSettings clients;
  SinkholeSettings sinkhole;
  std::string contact_mail;  // RNAME of the SOA in negative answers; empty: a neutral one
  // What else blocked answers tell to programs that ask for it.
  std::string contact_phone;
  std::string organisation;

  bool operator==(const PolicySettings&) const = default;
};

}  // namespace cenote
