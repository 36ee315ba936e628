// A ring of events from one thread (a worker) to one other (the recorder). Never waits: when it is full the
// event is dropped and the drop is counted, for an answer matters more than its record.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <span>

#include "resolver/base/counters.h"
#include "resolver/events/packed_event.h"

namespace cenote {

class EventRing {
 public:
  static constexpr size_t kMostTaken = 16;

  // `size`: in bytes, a power of two and at least PackedEvent::kMostBytes.
  explicit EventRing(size_t size)
      : bytes_(std::make_unique<uint8_t[]>(size + PackedEvent::kMostBytes)), size_(size) {}

  // The writer's thread. False: full, dropped and counted.
  bool push(const EventView& event) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) + PackedEvent::kMostBytes > size_) {
      dropped_.add();
      return false;
    }
    head_.store(head + PackedEvent::pack(event, at(head)), std::memory_order_release);
    return true;
  }

  // The reader's thread: calls `take(std::span<const PackedEvent>)` with the oldest that are there, at most
  // `most` and kMostTaken, unless there is nothing. Returns how many.
  template <typename Take>
  size_t drain(size_t most, Take&& take) {
    const uint64_t head = head_.load(std::memory_order_acquire);
    uint64_t tail = tail_.load(std::memory_order_relaxed);
    std::array<PackedEvent, kMostTaken> taken;
    size_t count = 0;
    for (; count < std::min(most, kMostTaken) && tail != head; ++count) {
      taken[count] = PackedEvent(at(tail));
      tail += taken[count].bytes().size();
    }
    if (count != 0) {
      take(std::span<const PackedEvent>(taken).first(count));
      tail_.store(tail, std::memory_order_release);
    }
    return count;
  }

  // The reader's thread: whether so many are there that some may soon be lost.
  [[nodiscard]] bool is_filling() const noexcept {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed) >= size_ / 4;
  }

  [[nodiscard]] uint64_t dropped() const noexcept { return dropped_.value(); }

 private:
  [[nodiscard]] uint8_t* at(uint64_t position) const noexcept { return &bytes_[position & (size_ - 1)]; }

  // With room behind its end, so that what begins in front of it lies in one piece.
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
  // Apart, so that writer and reader do not fight for one cache line.
  alignas(64) std::atomic<uint64_t> head_{0};  // both count bytes and never go back
  alignas(64) std::atomic<uint64_t> tail_{0};
  alignas(64) Counter dropped_;
};

}  // namespace cenote
