#include "ioc/background_thread.h"

#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/resource.h>
#include <sys/syscall.h>

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

namespace cenote {
namespace {

constexpr int kNice = 5;
// One part in so many of a processor is enough to go on with. A worker at nine tenths of a processor that it
// shares with us leaves twice that, and feels it when we take more; only a flood leaves less.
constexpr int kLeastShare = 20;

// Of the calling thread. Besides, where threads may have slices of their own (Linux 6.12), a short one lets
// a worker that wakes up have the processor soon.
void set_nice() {
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
  struct {  // sched_attr of <linux/sched/types.h>, which does not go together with <sched.h>
    uint32_t size = sizeof(*this);
    uint32_t policy = SCHED_OTHER;
    uint64_t flags = 0;
    int32_t nice = kNice;
    uint32_t priority = 0;
    uint64_t runtime_ns = 100'000;
    uint64_t deadline = 0;
    uint64_t period = 0;
  } attr;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &attr, 0));
}

bool set_policy(pid_t thread, int policy) {
  const sched_param none{};
  return ::sched_setscheduler(thread, policy, &none) == 0;
}

}  // namespace

BackgroundThread::BackgroundThread(std::function<void()> work, std::function<void()> done)
    : work_(std::move(work)), done_(std::move(done)) {
  try {
    thread_ = std::thread([this] {
      step_back();
      run();
    });
  } catch (const std::system_error&) {  // The system has no thread left: the work is done here.
    run();
  }
}

BackgroundThread::~BackgroundThread() {
  wait();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void BackgroundThread::step_back() {
  set_nice();
  const std::lock_guard lock(mutex_);
  id_ = ::gettid();
  static_cast<void>(::pthread_getcpuclockid(::pthread_self(), &clock_));
  is_idle_ = may_be_idle() && set_policy(id_, SCHED_IDLE);
}

void BackgroundThread::run() {
  try {
    work_();
  } catch (...) {  // mostly std::bad_alloc; whoever waits for the work decides
    failure_ = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    id_ = 0;
    is_done_ = true;
    changed_.notify_all();
  }
  if (done_) {
    done_();
  }
}

void BackgroundThread::finish() {
  wait();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void BackgroundThread::hurry_if_starved() {
  const std::lock_guard lock(mutex_);
  timespec had{};
  if (id_ == 0 || !is_idle_ || ::clock_gettime(clock_, &had) != 0) {
    return;
  }
  const auto passed = mono_now() - since_;
  if (passed < seconds(1)) {
    return;  // too early to say
  }
  const auto ran = std::chrono::seconds(had.tv_sec) + std::chrono::nanoseconds(had.tv_nsec);
  if (ran * kLeastShare < passed && set_policy(id_, SCHED_OTHER)) {
    is_idle_ = false;
  }
}

void BackgroundThread::wait() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::seconds(1), [&] { return is_done_; })) {
    lock.unlock();
    hurry_if_starved();
    lock.lock();
  }
}

bool BackgroundThread::may_be_idle() {
  static const bool may = [] {
    bool came_back = false;
    try {
      std::thread([&] {
        set_nice();
        came_back = set_policy(0, SCHED_IDLE) && set_policy(0, SCHED_OTHER);
      }).join();
    } catch (const std::system_error&) {  // no thread to try it with
    }
    return came_back;
  }();
  return may;
}

}  // namespace cenote
