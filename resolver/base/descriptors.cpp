#include "resolver/base/descriptors.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>

#include <sys/resource.h>

namespace cenote {
namespace {

// A quarter is kept back, and no more than this: sockets to two upstreams of 8 workers at their fullest.
constexpr rlim_t kMostKept = 16384;
// Of these a quarter, and no more than this, is for nobody's questions.
constexpr rlim_t kMostReserved = 512;

std::atomic<int> first_kept{INT_MAX};
std::atomic<int> first_reserved{INT_MAX};

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
  const rlim_t kept = std::min(all / 4, kMostKept);
  first_kept = static_cast<int>(all - kept);
  first_reserved = static_cast<int>(all - std::min(kept / 4, kMostReserved));
  return all;
}

bool is_want_of_room(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == EAGAIN ||
         error == EADDRINUSE || error == ENOSPC;
}

int first_kept_descriptor() noexcept {
  return first_kept.load(std::memory_order_relaxed);
}

int first_reserved_descriptor() noexcept {
  return first_reserved.load(std::memory_order_relaxed);
}

}  // namespace cenote
