#include "resolver/base/random.h"

#include <cstdlib>

#include <sys/random.h>

namespace cenote {

uint64_t Random::u64() noexcept {
  if (left_ == 0) {
    if (getrandom(pool_.data(), sizeof pool_, 0) != static_cast<ssize_t>(sizeof pool_)) {
      std::abort();  // Without randomness every answer could be forged: better no process than a weak one.
    }
    left_ = pool_.size();
  }
  const uint64_t value = pool_[--left_];
  pool_[left_] = 0;
  return value;
}

uint64_t Random::below(uint64_t bound) noexcept {
  // Rejects the values beyond the last whole multiple of `bound`, which would favour small results.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = u64();
  while (value >= limit) {
    value = u64();
  }
  return value % bound;
}

}  // namespace cenote
