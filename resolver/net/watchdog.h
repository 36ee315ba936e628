// Notices a loop that is stuck. A thread of its own gives each loop a small job four times a second and sees
// when it was done: the loops pay nothing for it. A turn that took too long is logged with what it did. While
// a vital loop stands still the service manager is told no more that we are alive, so that it restarts us.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "resolver/net/loop.h"

namespace cenote {

class Watchdog {
 public:
  struct Limits {
    milliseconds look{250};       // between two looks; also when a loop that has not answered is looked at
    milliseconds stands{10'000};  // without an answer: the loop stands still
    milliseconds between_lines{10'000};  // of the log, about slow turns of one loop
  };

  // `on_alive` is called after each look at which no vital loop stood still, on the watchdog's thread.
  explicit Watchdog(std::function<void()> on_alive = [] {}) : Watchdog(std::move(on_alive), Limits()) {}
  Watchdog(std::function<void()> on_alive, Limits limits);
  ~Watchdog();  // stops

  // REQUIRES: before start(). `loop` outlives the watchdog's stop(). `is_vital`: while it stands still,
  // on_alive is not called.
  void watch(Loop& loop, std::string name, bool is_vital = true);
  void start();
  void stop();

  struct Watched {
    std::string name;
    Loop* loop = nullptr;
    bool is_vital = true;
    bool stands = false;  // still, at the last look
  };
  // Loops and how they are, from any thread.
  [[nodiscard]] std::vector<Watched> watched() const;

 private:
  struct Entry : Watched {
    uint64_t asked = 0;
    MonoTime asked_at{};
    uint64_t slow_told = 0;  // slow turns that the log has
    MonoTime told_at{};
    const char* caught = nullptr;  // what it did when it was late
  };

  void run();
  bool look();  // true: no loop stands still
  void look_at(Entry& entry, MonoTime now);
  void tell_of_slow_turns(Entry& entry, MonoTime now);

  const std::function<void()> on_alive_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<Entry> entries_;
  std::thread thread_;
};

}  // namespace cenote
