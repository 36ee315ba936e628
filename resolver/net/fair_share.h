// Who may be served by a socket that gets more datagrams than its worker can answer. The kernel's queue is
// first come, first served: a client that floods it would leave no room for the others. So, while the queue
// does not run empty, a client that sends much more than all the others together is served for some of its
// datagrams only, and the rest is passed over, which is cheap enough to keep the queue short. A client that
// is alone is always served. One socket's; costs nothing while its worker keeps up.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <xxhash.h>

#include "resolver/base/address.h"

namespace cenote {

class FairShare {
 public:
  explicit FairShare(uint64_t hash_key) noexcept : hash_key_(hash_key) {}

  // Once a turn. `is_behind`: the queue did not run empty in it.
  void end_turn(bool is_behind) noexcept {
    turns_behind_ = is_behind ? turns_behind_ + 1 : 0;
    if (offered_ >= kWindow || !is_behind) {
      by_client_.fill(0);
      offered_ = 0;
    }
  }

  [[nodiscard]] bool is_on() const noexcept { return turns_behind_ >= kPatience; }

  // Whether this datagram is to be served, while it is on. Clients whose hashes fall together count as one.
  [[nodiscard]] bool admits(const IpAddress& client) noexcept {
    const Bytes host = client.host_bytes();
    uint16_t& of_client = by_client_[XXH3_64bits_withSeed(host.data(), host.size(), hash_key_) % kClients];
    ++offered_;
    const uint32_t others = offered_ - ++of_client;
    return others == 0 || of_client <= kFree + kTimesOthers * others;
  }

 private:
  static constexpr size_t kClients = 1024;
  static constexpr uint32_t kWindow = 4096;  // datagrams that are counted together, some milliseconds
  // So many turns in a row: more than a pause of the worker leaves in the kernel's queue.
  static constexpr uint32_t kPatience = 16;
  // So many of each window are served whoever sends them, and four times what all others send: a large
  // forwarder that sends up to four fifths of all is served whole.
  static constexpr uint32_t kFree = kWindow / 16;
  static constexpr uint32_t kTimesOthers = 4;

  const uint64_t hash_key_;
  uint32_t turns_behind_ = 0;  // in a row
  uint32_t offered_ = 0;
  std::array<uint16_t, kClients> by_client_{};
};

}  // namespace cenote
