// How many answers a second one client gets over UDP (response-rate limiting): a forged source address must
// not turn this resolver into somebody's flood. A table of fixed size, for all workers.
//
// Threads: any; judge() takes a lock that few others want at once.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "resolver/base/clock.h"
#include "resolver/query/settings.h"

namespace cenote {

class RateLimiter {
 public:
  explicit RateLimiter(const AdmissionSettings& settings);
  // Of refusals to those who may not ask: 10 a second for a whole network of theirs, whatever is configured.
  static std::shared_ptr<RateLimiter> of_refusals();

  enum class Verdict : uint8_t {
    kAnswer,
    kSlip,  // TC=1: whoever is really there comes by TCP
    kDrop,
  };
  Verdict judge(const IpAddress& client, MonoTime now) noexcept;
  [[nodiscard]] bool is_on() const noexcept { return rate_ != 0; }

 private:
  struct Limits {
    unsigned per_second;
    unsigned slip_every;
    size_t v4_bytes;  // of an address that make one client
    size_t v6_bytes;
    size_t buckets;
  };
  explicit RateLimiter(const Limits& limits);
  struct Bucket {
    uint64_t client = 0;
    MonoTime filled;
    int64_t left = 0;   // answers, in thousandths
    uint32_t over = 0;  // answers that it did not get
  };
  Bucket& bucket_of(size_t row, uint64_t client, MonoTime now) noexcept;

  unsigned rate_;
  unsigned slip_;
  size_t v4_bytes_;
  size_t v6_bytes_;
  uint64_t seed_;
  std::vector<Bucket> buckets_;
  struct alignas(64) Lock {
    std::mutex mutex;
  };
  static constexpr size_t kLocks = 64;
  std::array<Lock, kLocks> locks_;
};

}  // namespace cenote
