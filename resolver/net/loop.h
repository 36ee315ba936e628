// An event loop of one thread, and timers on it. libuv behind it; nothing outside net/ sees a uv_ name.
//
// One turn serves all that was ready when the loop woke. Whatever a peer can make long is bounded for a turn,
// so that nobody waits for somebody else: see Loop::read_share().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "resolver/base/clock.h"
#include "resolver/base/counters.h"

struct uv_loop_s;
struct uv_async_s;
struct uv_timer_s;
struct uv_poll_s;
struct uv_prepare_s;
struct uv_check_s;
struct uv_idle_s;

namespace cenote {

// How a loop's turns go. Written by the loop's thread, read by any.
struct alignas(64) LoopTurns {
  static constexpr milliseconds kSlow{250};  // a client feels a wait of this length

  Counter turns;
  Counter slow;                                   // lasted kSlow or longer
  Counter longest_ms;                             // the longest of those
  std::atomic<const char*> doing{"nothing yet"};  // what the turn in progress began last; a literal
  Counter answered;                               // the last number that Loop::answer() was given
};

// A place in a ring of those who wait for a turn. In no ring: null.
struct TurnLink {
  TurnLink* before = nullptr;
  TurnLink* after = nullptr;
};

class Loop {
 public:
  Loop();   // throws std::runtime_error when the system has no descriptor or memory left
  ~Loop();  // REQUIRES: run() is not active. Closes what is left open.
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // until stop(); the calling thread is the loop's thread
  void stop();  // from any thread

  // Runs `job` on the loop's thread, soon and in order. From any thread; jobs that are posted after the last
  // turn are destroyed unrun with the loop.
  void post(std::function<void()> job);

  // Writes `number` to turns().answered on the loop's thread, and takes no memory for it. From any thread.
  void answer(uint64_t number);

  // Loop time: read once a turn, cheap. Only on the loop's thread.
  [[nodiscard]] MonoTime now() const noexcept;

  [[nodiscard]] const LoopTurns& turns() const noexcept { return turns_; }
  // Says what the loop's thread does from now on, for reports of a turn that lasts. `what`: a literal.
  void doing(const char* what) noexcept { turns_.doing.store(what, std::memory_order_relaxed); }

  // The number of this turn, and how many bytes of each connection it may read: all connections together get
  // kTurnBytes or little more, however many there are. What is left waits for the next turn. On the loop's
  // thread.
  [[nodiscard]] uint64_t turn() const noexcept { return turns_.turns.value(); }
  [[nodiscard]] size_t read_share() const noexcept { return spent_ < kTurnBytes ? read_share_ : kLeastShare; }
  void count_reader() noexcept { ++readers_; }  // once a turn for each connection that is read or served
  // `bytes` were read, or work that costs as much was done, for one of them.
  void spend(size_t bytes) noexcept { spent_ += bytes; }

  [[nodiscard]] uv_loop_s* raw() noexcept { return loop_.get(); }  // for net/ alone

 private:
  friend class NextTurn;
  // 128 KiB of pipelined questions cost some 3 ms, over TLS some 8 ms.
  static constexpr size_t kTurnBytes = 128 * 1024;
  static constexpr size_t kLeastShare = 1024;
  static constexpr size_t kMostShare = 64 * 1024;
  // So many jobs keep their room: more come together when a site is busy, and seldom.
  static constexpr size_t kKeptJobs = 256;

  void run_posted();
  void begin_turn() noexcept;
  void end_wait() noexcept;
  void note_length() noexcept;
  void expect(TurnLink& link) noexcept;

  struct Closer {
    void operator()(uv_loop_s* loop) const noexcept;
  };
  std::unique_ptr<uv_loop_s, Closer> loop_;
  uv_async_s* wake_ = nullptr;
  std::mutex mutex_;
  // They change places and keep their memory, which so never passes from one thread to another.
  std::vector<std::function<void()>> posted_;
  std::vector<std::function<void()>> running_;
  uv_prepare_s* before_wait_ = nullptr;
  uv_check_s* after_wait_ = nullptr;
  uv_idle_s* no_wait_ = nullptr;  // runs while somebody waits for the next turn
  TurnLink asked_{&asked_, &asked_};
  TurnLink due_{&due_, &due_};  // in this turn
  uint64_t woke_ms_ = 0;        // when this turn began
  size_t readers_ = 0;          // connections read or served in this turn
  size_t spent_ = 0;            // bytes of all of them in this turn
  size_t read_share_ = kMostShare;
  LoopTurns turns_;
};

// Calls back on the loop's thread after a delay, once or repeatedly. Destroying it cancels it.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_time);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Restarts when it runs. The delay counts from now, however long the loop's turn has taken so far. No delay
  // in its own callback: libuv 1.44 would call it again in the same turn, for ever; see NextTurn.
  void start(milliseconds delay, milliseconds repeat = milliseconds{0});
  void stop();
  [[nodiscard]] bool is_active() const noexcept;

 private:
  uv_timer_s* timer_;
  std::function<void()> on_time_;
};

// Calls back once in the loop's next turn, after its sockets, for what was too much for one turn. Takes no
// memory. Destroying it cancels it, also in its own callback.
class NextTurn final : TurnLink {
 public:
  using Callback = void (*)(void* context);
  NextTurn(Loop& loop, Callback callback, void* context) noexcept
      : loop_(loop), callback_(callback), context_(context) {}
  ~NextTurn() { cancel(); }
  NextTurn(const NextTurn&) = delete;
  NextTurn& operator=(const NextTurn&) = delete;

  void ask() noexcept;  // once is enough; in its own callback for the turn after
  void cancel() noexcept;
  [[nodiscard]] bool is_asked() const noexcept { return after != nullptr; }

 private:
  friend class Loop;
  Loop& loop_;
  const Callback callback_;
  void* const context_;
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

  // The kernel had no room for one more watched descriptor: nothing will be heard of it.
  [[nodiscard]] bool is_watched() const noexcept { return is_watched_; }
  void watch(bool readable, bool writable);

 private:
  uv_poll_s* poll_;
  bool is_watched_ = false;
  Callback callback_;
  void* context_;
};

}  // namespace cenote
