// A counter that one thread writes and any thread may read. The writer does a plain load, add and store (no
// locked instruction); a reader sees some recent value. Two writers would lose counts: give each its own.
#pragma once

#include <atomic>
#include <cstdint>

namespace cenote {

class Counter {
 public:
  void add(uint64_t count = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void sub(uint64_t count = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - count, std::memory_order_relaxed);
  }
  void set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace cenote
