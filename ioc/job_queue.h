// Jobs for one thread that does them one after the other, but that may do the short ones while it waits for
// another thread. What is posted after close() is destroyed unrun.
#pragma once

#include <algorithm>
#include <atomic>
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

  enum class Length : bool { kLong, kShort };

  // From any thread. False when closed.
  bool post(Job job, Length length = Length::kLong) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) {
        return false;
      }
      jobs_.push_back({std::move(job), length});
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
    Job job = std::move(jobs_.front().run);
    jobs_.pop_front();
    return job;
  }
  // The next short one, before long ones that came earlier; nullopt at `deadline`, when `is_done`, which
  // wake() has looked at again, and at once when closed.
  std::optional<Job> take_short(const std::atomic<bool>& is_done, MonoTime deadline) {
    std::unique_lock lock(mutex_);
    auto found = jobs_.end();
    wake_.wait_until(lock, deadline, [&] {
      found = std::find_if(jobs_.begin(), jobs_.end(),
                           [](const Posted& posted) { return posted.length == Length::kShort; });
      return closed_ || is_done || found != jobs_.end();
    });
    if (closed_ || is_done || found == jobs_.end()) {
      return std::nullopt;
    }
    Job job = std::move(found->run);
    jobs_.erase(found);
    return job;
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }

  // Gives what was still waiting.
  std::deque<Job> close() {
    std::deque<Job> left;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      for (Posted& posted : jobs_) {
        left.push_back(std::move(posted.run));
      }
      jobs_.clear();
    }
    wake_.notify_all();
    return left;
  }
  [[nodiscard]] bool is_closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  struct Posted {
    Job run;
    Length length;
  };
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Posted> jobs_;
  bool closed_ = false;
};

}  // namespace cenote
