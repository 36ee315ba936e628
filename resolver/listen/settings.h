// Where questions come in. Filled by conf/; read by the daemon and the workers.
#pragma once

#include <string>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/base/clock.h"

namespace cenote {

// A certificate and its key, both PEM files; both empty: a self-signed pair is made in the state folder.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string
      name;  // under which clients know it: what is told to them in plain DNS (RFC 9462); may be empty
  std::string client_ca;  // PEM; whoever shows a certificate of it is known by the name in it; empty: nobody

  bool operator==(const TlsFiles&) const = default;
};

struct ListenSettings {
  std::vector<SocketAddress> dns{*SocketAddress::from_text("127.0.0.1:5300"),
                                 *SocketAddress::from_text("[::1]:5300")};  // UDP and TCP
  std::vector<Prefix> proxies;     // who speaks for others, by the PROXY protocol
  std::vector<SocketAddress> dot;  // DNS over TLS, RFC 7858
  std::vector<SocketAddress> doh;  // DNS over HTTPS, RFC 8484
  unsigned workers = 0;            // event loops; 0: one per core
  TlsFiles tls;                    // for dot and doh

  bool operator==(const ListenSettings&) const = default;
};

// How many connections clients may hold, and how long one is held for nothing. DNS over TCP, TLS and HTTPS
// count together, on all workers. At a limit the least useful connection makes room for a newcomer.
struct ConnectionSettings {
  unsigned per_client = 256;
  unsigned in_all = 10'000;   // with TLS 25 KB each
  seconds first_question{5};  // until the first whole question, PROXY header and TLS handshake included
  // RFC 7766 section 6.2.3: a few seconds.
  seconds idle{10};
  seconds idle_https{30};  // browsers come back within seconds, and begin anew at some cost

  bool operator==(const ConnectionSettings&) const = default;
};

}  // namespace cenote
