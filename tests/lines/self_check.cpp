// What lines.py must find and what it must not: two threads that share the lines called shared_*, and nothing
// else that either of them writes.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

namespace cenote::lines {

alignas(64) std::array<uint64_t, 8> shared_counters;  // one each: neighbours
alignas(64) uint64_t shared_word;                     // the first writes, the second reads
alignas(64) std::atomic<uint64_t> shared_atomic;
alignas(64) std::array<char, 64> shared_copy;  // by memcpy, of a length that only the running program knows
alignas(64) std::mutex shared_mutex;
struct alignas(64) Padded {
  uint64_t value = 0;
};
std::array<Padded, 2> own_counters;
alignas(64) const std::array<uint64_t, 8> read_only{1, 2, 3, 4, 5, 6, 7, 8};

struct Worker {
  size_t number;
  size_t length;

  std::thread start() {
    return std::thread([this] { run(); });
  }

  void run() {
    for (uint64_t i = 0; i < 100; ++i) {
      ++shared_counters[number];
      if (number == 0) {
        shared_word = i;
      } else {
        own_counters[number].value += shared_word;
      }
      shared_atomic.fetch_add(1);
      std::array<char, 64> text{};
      std::memcpy(number == 0 ? shared_copy.data() : text.data(),
                  number == 0 ? text.data() : shared_copy.data(), length);
      const std::lock_guard lock(shared_mutex);
      own_counters[number].value += read_only[i % read_only.size()];
    }
  }
};

}  // namespace cenote::lines

int main(int count, char**) {
  std::getchar();  // the window is open
  const size_t length = static_cast<size_t>(count) * 24;
  cenote::lines::Worker one{0, length};
  cenote::lines::Worker other{1, length};
  std::thread first = one.start();
  std::thread second = other.start();
  first.join();
  second.join();
  std::puts("done");
  std::fflush(stdout);
  std::getchar();
}
