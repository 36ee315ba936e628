#include "resolver/net/loop.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <sys/eventfd.h>

#include <unistd.h>
#include <uv.h>

#include "resolver/base/log.h"

namespace cenote {
namespace {

// A libuv handle is freed only in its close callback, which may come after its owner has gone.
template <typename Handle>
void close_and_free(Handle* handle) {
  handle->data = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(handle),
           [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
}

// Only memory or descriptors run out here. Whoever made the loop decides what goes on without it.
void must(int status, const char* what) {
  if (status != 0) {
    throw std::runtime_error(std::string(what) + ": " + uv_strerror(status));
  }
}

uint64_t clock_ms() noexcept {
  return uv_hrtime() / 1'000'000;
}

// A loop takes five. libuv 1.44 loses one of them each time when they do not suffice, so that is seen before.
bool has_descriptors() noexcept {
  std::array<int, 8> tried{};
  std::generate(tried.begin(), tried.end(), [] { return ::eventfd(0, EFD_CLOEXEC); });
  const bool all = std::count(tried.begin(), tried.end(), -1) == 0;
  for (const int descriptor : tried) {
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  }
  return all;
}

}  // namespace

void Loop::Closer::operator()(uv_loop_s* loop) const noexcept {
  // Everything has an owner that closed it; one more turn lets the close callbacks free the handles.
  uv_run(loop, UV_RUN_NOWAIT);
  if (uv_loop_close(loop) == UV_EBUSY) {
    uv_walk(
        loop,
        [](uv_handle_t* handle, void*) {
          if (!uv_is_closing(handle)) {
            log::debug("a {} handle outlived its owner", uv_handle_type_name(uv_handle_get_type(handle)));
            uv_close(handle, nullptr);
          }
        },
        nullptr);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
  }
  delete loop;
}

Loop::Loop() {
  must(has_descriptors() ? 0 : UV_EMFILE, "event loop");
  auto made = std::make_unique<uv_loop_t>();
  must(uv_loop_init(made.get()), "event loop");
  loop_.reset(made.release());
  auto wake = std::make_unique<uv_async_t>();
  wake->data = this;
  must(uv_async_init(loop_.get(), wake.get(),
                     [](uv_async_t* woken) {
                       if (woken->data != nullptr) {
                         static_cast<Loop*>(woken->data)->run_posted();
                       }
                     }),
       "event loop");
  wake_ = wake.release();
  before_wait_ = new uv_prepare_t;
  uv_prepare_init(loop_.get(), before_wait_);  // this one and its start cannot fail
  before_wait_->data = this;
  uv_prepare_start(before_wait_, [](uv_prepare_t* handle) {
    if (handle->data != nullptr) {
      static_cast<Loop*>(handle->data)->begin_turn();
    }
  });
  after_wait_ = new uv_check_t;
  uv_check_init(loop_.get(), after_wait_);
  after_wait_->data = this;
  uv_check_start(after_wait_, [](uv_check_t* handle) {
    if (handle->data != nullptr) {
      static_cast<Loop*>(handle->data)->end_wait();
    }
  });
  no_wait_ = new uv_idle_t;
  uv_idle_init(loop_.get(), no_wait_);
}

Loop::~Loop() {
  close_and_free(wake_);
  close_and_free(before_wait_);
  close_and_free(after_wait_);
  close_and_free(no_wait_);
}

// The shares of this turn follow from how many wanted to be read in the last one. When more come than that,
// what the turn has spent cuts the shares of those that are left.
void Loop::begin_turn() noexcept {
  note_length();
  turns_.turns.add();
  if (asked_.after != &asked_) {  // due_ is empty: the last turn saw to it
    due_ = asked_;
    due_.before->after = due_.after->before = &due_;
    asked_ = {&asked_, &asked_};
  }
  read_share_ = std::clamp(kTurnBytes / std::max<size_t>(readers_, 1), kLeastShare, kMostShare);
  readers_ = 0;
  spent_ = 0;
}

// After the sockets.
void Loop::end_wait() noexcept {
  woke_ms_ = uv_now(loop_.get());  // libuv read its clock when the wait ended, and nobody has since
  while (due_.after != &due_) {
    auto* next = static_cast<NextTurn*>(due_.after);
    next->cancel();
    next->callback_(next->context_);  // may destroy it
  }
  // Also when nobody was due: who asked may have cancelled since, and without a wait the loop would spin.
  if (asked_.after == &asked_) {
    uv_idle_stop(no_wait_);
  }
}

void Loop::expect(TurnLink& link) noexcept {
  link.after = &asked_;
  link.before = asked_.before;
  asked_.before = asked_.before->after = &link;
  uv_idle_start(no_wait_, [](uv_idle_t*) {});  // no wait while it runs
}

// A turn is all that comes between two waits: sockets, jobs, what the last turn left, and timers. A clock
// that stood still in it is set right, for libuv takes the length of the wait from it.
void Loop::note_length() noexcept {
  const uint64_t now = clock_ms();
  const uint64_t passed = now - woke_ms_;
  if (now != uv_now(loop_.get())) {
    uv_update_time(loop_.get());
  }
  if (passed >= static_cast<uint64_t>(LoopTurns::kSlow.count()) && passed < UINT32_MAX) {
    turns_.slow.add();
    turns_.longest_ms.set(std::max(turns_.longest_ms.value(), passed));
  }
}

void Loop::run() {
  woke_ms_ = clock_ms();
  uv_run(loop_.get(), UV_RUN_DEFAULT);
}

void Loop::stop() {
  post([this] { uv_stop(loop_.get()); });
}

void Loop::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(job));
  uv_async_send(wake_);
}

void Loop::answer(uint64_t number) {
  post([this, number] { turns_.answered.set(number); });  // both fit into the function object itself
}

MonoTime Loop::now() const noexcept {
  return MonoTime{milliseconds{uv_now(loop_.get())}};
}

void Loop::run_posted() {
  {
    const std::lock_guard lock(mutex_);
    running_.swap(posted_);
  }
  doing("jobs of other threads");
  for (auto& job : running_) {
    job();
  }
  running_.clear();
  if (running_.capacity() > kKeptJobs) {
    running_ = {};
  }
}

Timer::Timer(Loop& loop, std::function<void()> on_time)
    : timer_(new uv_timer_t), on_time_(std::move(on_time)) {
  uv_timer_init(loop.raw(), timer_);
  timer_->data = this;
}

Timer::~Timer() {
  close_and_free(timer_);
}

// libuv counts from its own clock. That one is not set here: a turn is measured by it.
void Timer::start(milliseconds delay, milliseconds repeat) {
  const uint64_t now = clock_ms();
  const uint64_t behind = now - std::min(now, uv_now(timer_->loop));
  uv_timer_start(
      timer_,
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) {
          static_cast<Timer*>(timer->data)->on_time_();
        }
      },
      behind + static_cast<uint64_t>(delay.count()), static_cast<uint64_t>(repeat.count()));
}

void Timer::stop() {
  uv_timer_stop(timer_);
}

bool Timer::is_active() const noexcept {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(timer_)) != 0;
}

void NextTurn::ask() noexcept {
  if (!is_asked()) {
    loop_.expect(*this);
  }
}

void NextTurn::cancel() noexcept {
  if (is_asked()) {
    before->after = after;
    after->before = before;
    before = after = nullptr;
  }
}

TurnEnd::TurnEnd(Loop& loop, Callback callback, void* context)
    : prepare_(new uv_prepare_t), callback_(callback), context_(context) {
  uv_prepare_init(loop.raw(), prepare_);
  prepare_->data = this;
  uv_prepare_start(prepare_, [](uv_prepare_t* handle) {
    if (handle->data != nullptr) {
      const auto* self = static_cast<TurnEnd*>(handle->data);
      self->callback_(self->context_);
    }
  });
}

TurnEnd::~TurnEnd() {
  close_and_free(prepare_);
}

Poll::Poll(Loop& loop, int descriptor, Callback callback, void* context)
    : poll_(new uv_poll_t), callback_(callback), context_(context) {
  is_watched_ = uv_poll_init(loop.raw(), poll_, descriptor) == 0;
  poll_->data = this;
}

Poll::~Poll() {
  if (!is_watched_) {
    delete poll_;
    return;
  }
  uv_poll_stop(poll_);
  close_and_free(poll_);
}

void Poll::watch(bool readable, bool writable) {
  if (!is_watched_) {
    return;
  }
  const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == 0) {
    uv_poll_stop(poll_);
    return;
  }
  uv_poll_start(poll_, events, [](uv_poll_t* handle, int status, int happened) {
    auto* self = static_cast<Poll*>(handle->data);
    if (self != nullptr) {
      // A failed poll is reported as readable: the read that follows finds the error.
      self->callback_(self->context_, status != 0 || (happened & UV_READABLE) != 0,
                      (happened & UV_WRITABLE) != 0);
    }
  });
}

}  // namespace cenote
