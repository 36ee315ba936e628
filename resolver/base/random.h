// Random numbers from the kernel's CSPRNG, buffered. Ids and ports that an off-path attacker must not guess
// come from here and nowhere else (RFC 5452 section 9.2). One instance belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cenote {

class Random {
 public:
  uint16_t u16() noexcept { return static_cast<uint16_t>(u64()); }
  uint64_t u64() noexcept;
  // Uniform in [0, bound); REQUIRES: bound > 0.
  uint64_t below(uint64_t bound) noexcept;

 private:
  // 256 bytes: getrandom() gives that much in one call without ever being interrupted (getrandom(2)).
  std::array<uint64_t, 32> pool_{};
  size_t left_ = 0;
};

}  // namespace cenote
