#include "resolver/query/rate_limiter.h"

#include <algorithm>

#include <xxhash.h>

#include "resolver/base/random.h"

namespace cenote {
namespace {

constexpr size_t kBuckets = 8192;         // 256 KiB
constexpr size_t kRefusalBuckets = 1024;  // 32 KiB
// Somebody who asks by mistake sees a few refusals. A flood with the forged addresses of one network is its
// victim's flood, so a whole /24 or /56 shares them.
constexpr unsigned kRefusalRate = 10;
constexpr unsigned kRefusalSlip = 2;
constexpr size_t kWays = 4;
constexpr int64_t kOne = 1000;
constexpr int64_t kBurst = 2;  // seconds' worth

}  // namespace

RateLimiter::RateLimiter(const AdmissionSettings& settings)
    : RateLimiter(Limits{settings.rate, settings.slip, 4, 8, kBuckets}) {}

RateLimiter::RateLimiter(const Limits& limits)
    : rate_(limits.per_second),
      slip_(limits.slip_every),
      v4_bytes_(limits.v4_bytes),
      v6_bytes_(limits.v6_bytes),
      seed_(Random().u64()),
      buckets_(is_on() ? limits.buckets : 0) {}

std::shared_ptr<RateLimiter> RateLimiter::of_refusals() {
  return std::shared_ptr<RateLimiter>(
      new RateLimiter(Limits{kRefusalRate, kRefusalSlip, 3, 7, kRefusalBuckets}));
}

// The client's own, or that of whoever of its few neighbours has been silent longest.
RateLimiter::Bucket& RateLimiter::bucket_of(size_t row, uint64_t client, MonoTime now) noexcept {
  Bucket* const first = &buckets_[row * kWays];
  Bucket* const found =
      std::find_if(first, first + kWays, [&](const Bucket& each) { return each.client == client; });
  if (found != first + kWays) {
    return *found;
  }
  Bucket& taken = *std::min_element(first, first + kWays,
                                    [](const Bucket& a, const Bucket& b) { return a.filled < b.filled; });
  taken = {client, now, kBurst * rate_ * kOne, 0};
  return taken;
}

RateLimiter::Verdict RateLimiter::judge(const IpAddress& client, MonoTime now) noexcept {
  const Bytes address = client.bytes().first(client.is_v4() ? v4_bytes_ : v6_bytes_);
  const uint64_t hash = XXH3_64bits_withSeed(address.data(), address.size(), seed_);
  const size_t row = hash % (buckets_.size() / kWays);
  const std::lock_guard lock(locks_[row % kLocks].mutex);
  Bucket& bucket = bucket_of(row, hash, now);
  // The clock of the worker that filled it may be a turn ahead.
  const MonoTime time = std::max(now, bucket.filled);
  const int64_t passed = std::chrono::duration_cast<milliseconds>(time - bucket.filled).count();
  bucket.left = std::min(bucket.left + passed * rate_, kBurst * rate_ * kOne);
  bucket.filled = time;
  if (bucket.left >= kOne) {
    bucket.left -= kOne;
    return Verdict::kAnswer;
  }
  ++bucket.over;
  return slip_ != 0 && bucket.over % slip_ == 0 ? Verdict::kSlip : Verdict::kDrop;
}

}  // namespace cenote
