// Jobs for one thread that does them one after the other. What is posted after close() is destroyed unrun.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "resolver/base/clock.h"

namespace cenote {

class JobQueue {
 public:
  using Job = std::function<void()>;

  // From any thread. False when closed.
  bool post(Job job) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) {
        return false;
      }
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
    return true;
  }

  // The next job; nullopt at `deadline`, and at once when closed.
  std::optional<Job> take(MonoTime deadline) {
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, deadline, [&] { return closed_ || !jobs_.empty(); });
    if (closed_ || jobs_.empty()) {
      return std::nullopt;
    }
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }

  // Gives what was still waiting.
  std::deque<Job> close() {
    std::deque<Job> left;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      left.swap(jobs_);
    }
    wake_.notify_all();
    return left;
  }
  [[nodiscard]] bool is_closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool closed_ = false;
};

}  // namespace cenote
