// A thread that works with what the others leave of the processors. A list takes seconds of a processor, and
// those who wait for an answer come first; but under a flood that leaves nothing, the list must be enforced
// too.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include <sys/types.h>

#include "resolver/base/clock.h"

namespace cenote {

class BackgroundThread {
 public:
  // Runs `work`, then `done`, once, both on the thread. It has the policy SCHED_IDLE where the system lets it
  // come back from that (RLIMIT_NICE of 15 or more, or CAP_SYS_NICE), and else a nice value of 5 all the
  // time. Where the system has no thread left, the calling thread does the work before this returns.
  explicit BackgroundThread(std::function<void()> work, std::function<void()> done = {});
  // Waits for the work's end, as wait() does.
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  // To be called every second or so, from the thread that made it: when the work got less than a
  // twentieth of a processor, it comes forward, for all that is left of it.
  void hurry_if_starved();
  void wait();
  // Waits, then throws what `work` has thrown.
  void finish();

  // Whether threads here can leave SCHED_IDLE again. Finds out once, by trying.
  static bool may_be_idle();

 private:
  void step_back();
  void run();

  const std::function<void()> work_;
  const std::function<void()> done_;
  const MonoTime since_ = mono_now();
  std::mutex mutex_;
  std::condition_variable changed_;
  pid_t id_ = 0;  // while it works, guarded by mutex_
  clockid_t clock_{};
  bool is_idle_ = false;
  bool is_done_ = false;
  std::exception_ptr failure_;  // set before is_done_
  std::thread thread_;
};

}  // namespace cenote
