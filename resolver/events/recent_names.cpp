#include "resolver/events/recent_names.h"

#include <bit>
#include <cmath>

#include <xxhash.h>

namespace cenote {

void RecentNames::note(const Name& name, const IpAddress& client, int64_t unix_time) noexcept {
  if (name.is_root()) {
    return;
  }
  const Bytes wire = name.wire();
  const uint64_t slot = XXH3_64bits(wire.data(), wire.size()) & (slots_.size() - 1);
  const Bytes address = client.bytes();
  const uint64_t bit = uint64_t{1} << (XXH3_64bits(address.data(), address.size()) % 64);
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) {
    return;  // somebody reads: one note less, and no question waits
  }
  Seen& seen = slots_[slot];
  seen.clients = seen.name == name ? seen.clients | bit : bit;
  seen.name = name;
  seen.last = unix_time;
}

std::vector<RecentNames::Seen> RecentNames::all() const {
  std::vector<Seen> found;
  const std::lock_guard lock(mutex_);
  for (const Seen& seen : slots_) {
    if (!seen.name.is_root()) {
      found.push_back(seen);
    }
  }
  return found;
}

uint64_t count_clients(uint64_t bits) noexcept {
  const int free = 64 - std::popcount(bits);
  return static_cast<uint64_t>(std::lround(64.0 * std::log(64.0 / (free == 0 ? 0.5 : free))));
}

}  // namespace cenote
