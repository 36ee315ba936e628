// The keys that seal TLS session tickets (RFC 5077 section 5.5, RFC 8446 section 4.6.1): shared by every
// worker, so that a client may resume with any of them, and replaced every hour, so that a stolen key opens
// few recordings. Any thread; a handshake takes the lock once or twice.
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <optional>

#include "resolver/base/bytes.h"
#include "resolver/base/clock.h"

namespace cenote {

class TicketKeys {
 public:
  static constexpr std::chrono::hours kSeals{1};
  static constexpr std::chrono::hours kOpens{
      3};  // as long as a client may keep a ticket, and the hour before

  struct Key {
    std::array<uint8_t, 16> name;
    std::array<uint8_t, 32> cipher;  // AES-256-CBC
    std::array<uint8_t, 32> mac;     // HMAC-SHA-256
  };

  TicketKeys() = default;
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  Key to_seal(MonoTime now);
  // nullopt: the key has gone, or was never ours; the client shakes hands in full.
  std::optional<Key> to_open(Bytes name, MonoTime now);

 private:
  struct Slot {
    Key key;
    MonoTime made;
  };
  void forget_old(MonoTime now);

  std::mutex mutex_;
  std::deque<Slot> slots_;  // newest first
};

}  // namespace cenote
