// When memory that threads read without a lock may be freed: as soon as each of them has been quiet once
// since it was taken out of reach (quiescent-state-based reclamation: Hart and others, IPDPS 2006). Reading
// costs nothing but enter() and leave(), once for a whole turn of a loop.
//
// Order of whoever takes something out of reach: take it out, number = retire(), and free it when
// is_over(number). What readers follow to it, and what takes it out, are sequentially consistent loads and
// stores: a reader that nobody has noticed yet then cannot find it any more.
//
// Threads: any; a Reader is one thread's.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace cenote {

class Quiescence {
 public:
  // On a cache line of its own, for its thread writes it twice a turn.
  class alignas(64) Reader {
   public:
    explicit Reader(Quiescence& quiescence);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // What is found from now on stays until leave().
    void enter() noexcept {
      if (!is_inside_) {
        is_inside_ = true;
        since_.store(quiescence_.next_.load());
      }
    }
    // Nothing that was found is used any more.
    void leave() noexcept {
      if (is_inside_) {
        is_inside_ = false;
        since_.store(kQuiet, std::memory_order_release);
      }
    }

   private:
    friend class Quiescence;
    static constexpr uint64_t kQuiet = UINT64_MAX;

    Quiescence& quiescence_;
    std::atomic<uint64_t> since_{kQuiet};
    bool is_inside_ = false;
  };

  // A number for what has been taken out of reach before.
  uint64_t retire() noexcept { return next_.fetch_add(1); }
  // Nobody uses any more what was retired under that number.
  [[nodiscard]] bool is_over(uint64_t number) noexcept {
    return number < over_.load(std::memory_order_acquire) || number < look();
  }

 private:
  uint64_t look() noexcept;

  alignas(64) std::atomic<uint64_t> next_{0};
  alignas(64) std::atomic<uint64_t> over_{0};  // whatever has a smaller number
  std::mutex mutex_;
  std::vector<const Reader*> readers_;
};

}  // namespace cenote
