// What one HTTP/2 connection has made us do so far, and whether that is more than a good peer needs. No I/O.
#pragma once

#include <algorithm>
#include <cstdint>

#include "resolver/base/clock.h"

namespace cenote {

class Http2Cost {
 public:
  void add_received(uint64_t bytes, MonoTime now) noexcept {
    opened_ = received_ == 0 ? now : opened_;
    now_ = now;
    received_ += bytes;
  }
  void add_sent(uint64_t bytes) noexcept { sent_ += bytes; }
  void add_head(uint64_t packed_bytes) noexcept { heads_ += packed_bytes; }
  void add_unpacked(uint64_t bytes) noexcept { unpacked_ += bytes; }
  void add_body(uint64_t bytes) noexcept { bodies_ += bytes; }
  // A stream was reset whose body is on its way: so much of it may still come, and nobody sees it.
  void add_unseen(uint64_t bytes) noexcept {
    constexpr uint64_t kMostUnseen = 2 * 1024 * 1024;  // twice what our windows let come at once
    unseen_ = std::min(kMostUnseen, unseen_ + bytes);
  }

  // Heads are packed to a tenth or, with a large cookie that is known already, to a hundredth. Who unpacks
  // far more than he sends lets us work for nothing ("HPACK bomb").
  [[nodiscard]] bool unpacks_too_much() const noexcept {
    constexpr uint64_t kFree = 1024 * 1024;
    constexpr uint64_t kPerByte = 64;
    return unpacked_ > kFree + kPerByte * received_;
  }

  // What a connection may send beside requests and bodies (PING, SETTINGS, WINDOW_UPDATE, PRIORITY, empty
  // DATA, unknown frames): so much at once, so much a second, and a little for each request and for what we
  // sent.
  [[nodiscard]] bool chatters(uint64_t requests) const noexcept {
    constexpr uint64_t kAtOnce = 64 * 1024;
    constexpr uint64_t kPerSecond = 1024;
    constexpr uint64_t kPerRequest = 256;
    constexpr uint64_t kSentPerByte = 64;
    const auto age = static_cast<uint64_t>(std::chrono::duration_cast<seconds>(now_ - opened_).count());
    return received_ > kAtOnce + kPerSecond * age + heads_ + kPerRequest * requests + 2 * bodies_ + unseen_ +
                           sent_ / kSentPerByte;
  }

 private:
  MonoTime opened_{};  // when its first bytes came
  MonoTime now_{};
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
  uint64_t heads_ = 0;     // as they came, packed
  uint64_t unpacked_ = 0;  // what they were unpacked to
  uint64_t bodies_ = 0;
  uint64_t unseen_ = 0;
};

}  // namespace cenote
