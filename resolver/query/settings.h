// What Cenote answers by itself, and how much of one client or domain it puts up with. Filled by conf/.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/dns/rr.h"

namespace cenote {

struct NamesSettings {
  bool special = true;   // special-use names and private reverse zones (RFC 6761, RFC 6303)
  bool canaries = true;  // names by which browsers ask whether they may go around this resolver
  std::vector<LocalRecord> records = {};  // the site's own
  std::vector<LocalRecord> hosts = {};    // likewise, those of the file names.hosts
  std::string hosts_problem = {};         // why that file could not be read; empty: it was, or there is none
  std::string version = {};               // version.bind, CHAOS; empty: refused
  std::string identity = {};              // id.server, CHAOS, and NSID; empty: refused, and not said

  bool operator==(const NamesSettings&) const = default;
};

// Which upstream answers may hold addresses of inner networks: a page from outside whose name leads inside
// speaks with inner servers in the browser of whoever visits it (DNS rebinding).
struct RebindingSettings {
  enum class Guard : uint8_t {
    kAuto,  // on where servers on the internet serve the root zone: inner ones may know inner names
    kOn,    // for the root zone, whoever serves it
    kOff,
  };
  Guard guard = Guard::kAuto;
  std::vector<Name> allow = {};  // names that may lead inside, with everything below

  bool operator==(const RebindingSettings&) const = default;
};

struct AdmissionSettings {
  // Answers a second over UDP to one client (an IPv6 one is its /64); 0: no limit. A client that shows a good
  // cookie, or comes by a stream, has not forged its address and is not limited.
  unsigned rate = 0;
  unsigned slip = 2;  // every so many-th question over the rate is told to come by TCP; 0: none is
  unsigned client_waiting = 2000;  // questions of one client that may wait for upstreams at once
  unsigned domain_waiting = 1000;  // questions below one registered domain that may
  // Not limited: address translators and inner forwarders, behind which many people stand.
  std::vector<Prefix> exempt{*Prefix::from_text("127.0.0.0/8"), *Prefix::from_text("::1/128")};
  // 32 hexadecimal digits each, the same on all servers of a site: the first makes cookies, a second one is
  // accepted, too. Empty: one is made.
  std::vector<std::string> cookie_secrets = {};

  bool operator==(const AdmissionSettings&) const = default;
};

}  // namespace cenote
