#include "ioc/background_thread.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <sched.h>
#include <time.h>

namespace cenote::background_thread_test {
namespace {

void compute(milliseconds cpu) {
  const auto used = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  for (const auto end = used() + cpu; used() < end;) {
  }
}

}  // namespace

TEST_CASE("background work runs once, then what follows it, and the destructor waits for both") {
  std::vector<int> order;
  {
    BackgroundThread thread([&] { order.push_back(1); }, [&] { order.push_back(2); });
    thread.wait();
  }
  CHECK(order == std::vector{1, 2});
}

TEST_CASE("background work steps behind the others where it can come back") {
  int policy = -1;
  BackgroundThread thread([&] { policy = ::sched_getscheduler(0); });
  thread.wait();
  CHECK(policy == (BackgroundThread::may_be_idle() ? SCHED_IDLE : SCHED_OTHER));
}

TEST_CASE("background work that nothing is left for comes forward") {
  // Two threads for each processor, which never pause: SCHED_IDLE would get a thousandth.
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (unsigned i = 0; i < 2 * std::max(1U, std::thread::hardware_concurrency()); ++i) {
    busy.emplace_back([&] {
      while (!stop) {
      }
    });
  }
  int policy = -1;
  const MonoTime begin = mono_now();
  {
    BackgroundThread thread([&] {
      compute(milliseconds(300));
      policy = ::sched_getscheduler(0);
    });
    thread.wait();
  }
  const auto took = mono_now() - begin;
  stop = true;
  for (std::thread& each : busy) {
    each.join();
  }
  CHECK(policy == SCHED_OTHER);
  CHECK(took < seconds(60));  // alone at the idle weight it would be minutes
}

}  // namespace cenote::background_thread_test
