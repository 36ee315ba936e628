#include "resolver/net/client_places.h"

#include <algorithm>

namespace cenote {

bool ClientPlaces::take(const IpAddress& address, bool with_tls, MonoTime now) {
  const std::lock_guard lock(mutex_);
  tidy(now);
  Client& client = clients_[key_of(address)];
  const std::chrono::duration<double> passed = now - client.drained;
  client.handshakes = std::max(0.0, client.handshakes - passed.count() * limits_.handshakes_per_second);
  client.drained = now;
  if (client.open >= limits_.connections ||
      (with_tls && client.handshakes + 1 > 2.0 * limits_.handshakes_per_second)) {
    return false;
  }
  client.handshakes += with_tls ? 1 : 0;
  ++client.open;
  return true;
}

void ClientPlaces::leave(const IpAddress& client) {
  const std::lock_guard lock(mutex_);
  --clients_[key_of(client)].open;
}

// Forgets who holds none and has not come lately, once a second and only when somebody comes: a thread
// without connections has nothing to do with it.
void ClientPlaces::tidy(MonoTime now) {
  if (now - tidied_ < seconds{1}) {
    return;
  }
  tidied_ = now;
  std::erase_if(clients_, [now](const auto& entry) {
    return entry.second.open == 0 && now - entry.second.drained > seconds{2};  // its bucket has run empty
  });
}

}  // namespace cenote
