// A ring of events from one thread (a worker) to one other (the recorder). Never waits: when it is full the
// event is dropped and the drop is counted, for an answer matters more than its record.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>

#include "resolver/base/counters.h"
#include "resolver/events/event.h"

namespace cenote {

class EventRing {
 public:
  // `capacity`: a power of two.
  explicit EventRing(size_t capacity) : events_(std::make_unique<Event[]>(capacity)), mask_(capacity - 1) {}

  // The writer's thread. False: full, dropped and counted.
  bool push(const Event& event) noexcept {
    return push_written([&](Event& place) { place = event; });
  }
  // The same without a copy: `write(Event&)` writes all of it where an older one stood.
  template <typename Write>
  bool push_written(Write&& write) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) > mask_) {
      dropped_.add();
      return false;
    }
    write(events_[head & mask_]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // The reader's thread: calls `take(std::span<const Event>)` with some of what is there, at most `most` and
  // oldest first, unless there is nothing. Returns how many.
  template <typename Take>
  size_t drain(size_t most, Take&& take) {
    const uint64_t head = head_.load(std::memory_order_acquire);
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const size_t first = tail & mask_;
    const size_t count = std::min<size_t>({most, head - tail, mask_ + 1 - first});
    if (count != 0) {
      take(std::span<const Event>(&events_[first], count));
      tail_.store(tail + count, std::memory_order_release);
    }
    return count;
  }

  // The reader's thread: how many are there.
  [[nodiscard]] size_t size() const noexcept {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] uint64_t dropped() const noexcept { return dropped_.value(); }

 private:
  std::unique_ptr<Event[]> events_;
  size_t mask_;
  // Apart, so that writer and reader do not fight for one cache line.
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
  alignas(64) Counter dropped_;
};

}  // namespace cenote
