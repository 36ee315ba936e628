// How many connections each client holds, and how fast it comes with TLS, whose handshakes cost a processor's
// time. Servers that share one ClientPlaces, on several threads too, count together: else a client had as
// many places as there are workers. Clients are known by IpAddress::host_bytes(). Thread-safe; it is asked
// once a connection, never for a query.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/base/clock.h"

namespace cenote {

class ClientPlaces {
 public:
  struct Limits {
    size_t connections;
    uint32_t handshakes_per_second;  // on average; twice as many at once
  };

  explicit ClientPlaces(Limits limits) : limits_(limits) {}

  // One more connection; false: that client has as many as it may have, or comes too fast.
  bool take(const IpAddress& client, bool with_tls, MonoTime now);
  // One less. REQUIRES: that it was taken.
  void leave(const IpAddress& client);
  [[nodiscard]] size_t size() const {  // clients that are known
    const std::lock_guard lock(mutex_);
    return clients_.size();
  }

 private:
  using Key = std::vector<uint8_t>;
  struct Client {
    size_t open = 0;
    double handshakes = 0;  // a bucket that drains by handshakes_per_second
    MonoTime drained{};
  };
  void tidy(MonoTime now);
  static Key key_of(const IpAddress& client) {
    return {client.host_bytes().begin(), client.host_bytes().end()};
  }

  const Limits limits_;
  mutable std::mutex mutex_;
  std::map<Key, Client> clients_;
  MonoTime tidied_{};
};

}  // namespace cenote
