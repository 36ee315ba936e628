// Certificates for the block page, one per host name, made while the TLS handshake waits (0.2 ms, less than
// the handshake itself). Only for names that policy blocks right now: a source that signs any name for
// anybody would be a tool to impersonate the internet towards everyone who trusts the CA. Web thread.
#pragma once

#include <functional>
#include <string>

#include "blockpage/authority.h"
#include "blockpage/lru.h"
#include "resolver/base/counters.h"
#include "resolver/dns/name.h"
#include "resolver/net/tls.h"

namespace cenote {

class Certificates final : public TlsIdentitySource {
 public:
  static constexpr size_t kMaxCertificates = 10'000;  // about 2 KB each
  static constexpr size_t kMaxClients = 4'096;        // whose pace is remembered
  // A page that is full of blocked advertisements asks for dozens at once; nobody asks for two a second all
  // day.
  static constexpr int kBurst = 60;
  static constexpr milliseconds kOneMoreEvery{500};

  using IsBlocked = std::function<bool(const Name&)>;

  // The last two are for tests.
  Certificates(Authority authority, IsBlocked is_blocked, Now (*clock)() = &now,
               size_t capacity = kMaxCertificates);

  // Without a server name: a certificate for the local address. No certificate: the handshake fails.
  TlsIdentity pick(const std::string& server_name, const SocketAddress& local,
                   const SocketAddress& client) override;

  // From the next handshake on the certificates are this authority's; the same one again changes nothing.
  void adopt(Authority authority);

  [[nodiscard]] const Authority& authority() const noexcept { return authority_; }
  [[nodiscard]] size_t size() const noexcept { return leaves_.size(); }
  [[nodiscard]] uint64_t made() const noexcept { return made_.value(); }
  [[nodiscard]] uint64_t refused() const noexcept {
    return refused_.value();
  }  // not blocked, or no host name
  [[nodiscard]] uint64_t over_limit() const noexcept { return over_limit_.value(); }

 private:
  struct Pace {
    int left = kBurst;
    MonoTime counted;
  };

  bool renew_daily(WallTime time);
  [[nodiscard]] bool is_of_today(WallTime time) const;
  bool is_within_limit(const IpAddress& client, MonoTime time);
  X509Ptr make(const std::string& host, bool is_address, WallTime time);
  [[nodiscard]] TlsIdentity identity(const X509Ptr& leaf) const;

  Authority authority_;
  IsBlocked is_blocked_;
  Now (*clock_)();
  PkeyPtr key_;       // of all leaves
  X509Ptr template_;  // all that leaves have in common: copying it is cheaper than building anew
  WallTime key_made_;
  WallTime newest_;  // when the last certificate was made
  Lru<std::string, X509Ptr> leaves_;
  Lru<std::string, Pace> paces_{kMaxClients};
  Counter made_;
  Counter refused_;
  Counter over_limit_;
};

}  // namespace cenote
