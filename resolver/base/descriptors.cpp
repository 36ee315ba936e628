#include "resolver/base/descriptors.h"

#include <algorithm>
#include <atomic>
#include <climits>

#include <sys/resource.h>

namespace cenote {
namespace {

// A quarter is kept back, and no more than this: sockets to two upstreams of 16 workers at their fullest.
constexpr rlim_t kMostKept = 16384;

std::atomic<int> first_kept{INT_MAX};

}  // namespace

size_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 0;
  }
  rlimit raised = limit;
  raised.rlim_cur = raised.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
    limit = raised;
  }
  const rlim_t all = std::min<rlim_t>(limit.rlim_cur, INT_MAX);
  first_kept = static_cast<int>(all - std::min(all / 4, kMostKept));
  return all;
}

int first_kept_descriptor() noexcept {
  return first_kept.load(std::memory_order_relaxed);
}

}  // namespace cenote
