#include "tests/support/shifted_clock.h"

#include <atomic>
#include <ctime>

#include <sys/syscall.h>

#include <unistd.h>

namespace cenote::test {
namespace {

std::atomic<int64_t> shift_ns{0};

}  // namespace

void pass_time(std::chrono::milliseconds much) {
  shift_ns += std::chrono::nanoseconds(much).count();
}

}  // namespace cenote::test

// Stands before the C library's: libuv and the C++ clocks all come through here.
extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
  constexpr int64_t kSecond = 1'000'000'000;
  if (syscall(SYS_clock_gettime, clock, out) != 0) {
    return -1;
  }
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_REALTIME ||
      clock == CLOCK_REALTIME_COARSE) {
    const int64_t ns = out->tv_sec * kSecond + out->tv_nsec + cenote::test::shift_ns;
    out->tv_sec = ns / kSecond;
    out->tv_nsec = ns % kSecond;
  }
  return 0;
}
