// An event loop of one thread, and timers on it. libuv behind it; nothing outside net/ sees a uv_ name.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "resolver/base/clock.h"

struct uv_loop_s;
struct uv_async_s;
struct uv_timer_s;
struct uv_poll_s;
struct uv_prepare_s;

namespace cenote {

class Loop {
 public:
  Loop();
  ~Loop();  // REQUIRES: run() is not active. Closes what is left open.
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // until stop(); the calling thread is the loop's thread
  void stop();  // from any thread

  // Runs `job` on the loop's thread, soon and in order. From any thread; jobs that are posted after the last
  // turn are destroyed unrun with the loop.
  void post(std::function<void()> job);

  // Loop time: read once a turn, cheap. Only on the loop's thread.
  [[nodiscard]] MonoTime now() const noexcept;

  [[nodiscard]] uv_loop_s* raw() noexcept { return loop_.get(); }  // for net/ alone

 private:
  void run_posted();

  struct Closer {
    void operator()(uv_loop_s* loop) const noexcept;
  };
  std::unique_ptr<uv_loop_s, Closer> loop_;
  uv_async_s* wake_ = nullptr;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stopping_ = false;
};

// Calls back on the loop's thread after a delay, once or repeatedly. Destroying it cancels it.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_time);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Restarts when it runs. The delay counts from now, however long the loop's turn has taken so far.
  void start(milliseconds delay, milliseconds repeat = milliseconds{0});
  void stop();
  [[nodiscard]] bool is_active() const noexcept;

 private:
  uv_timer_s* timer_;
  std::function<void()> on_time_;
};

// Calls back at the end of each of the loop's turns, before it waits again: where what a turn has gathered is
// sent at once.
class TurnEnd {
 public:
  using Callback = void (*)(void* context);
  TurnEnd(Loop& loop, Callback callback, void* context);
  ~TurnEnd();
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;

 private:
  uv_prepare_s* prepare_;
  Callback callback_;
  void* context_;
};

// Watches a descriptor that somebody else owns. The watcher must go before the descriptor is closed.
class Poll {
 public:
  using Callback = void (*)(void* context, bool readable, bool writable);
  Poll(Loop& loop, int descriptor, Callback callback, void* context);
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  void watch(bool readable, bool writable);

 private:
  uv_poll_s* poll_;
  Callback callback_;
  void* context_;
};

}  // namespace cenote
