#include "resolver/net/loop.h"

#include <cstdlib>

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

void must(int status, const char* what) {
  if (status != 0) {
    log::critical("{}: {}", what, uv_strerror(status));
    std::abort();  // Only memory or descriptors run out here: nothing can be served without them.
  }
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

Loop::Loop() : loop_(new uv_loop_t) {
  must(uv_loop_init(loop_.get()), "event loop");
  wake_ = new uv_async_t;
  wake_->data = this;
  must(uv_async_init(loop_.get(), wake_,
                     [](uv_async_t* wake) {
                       if (wake->data != nullptr) {
                         static_cast<Loop*>(wake->data)->run_posted();
                       }
                     }),
       "event loop");
}

Loop::~Loop() {
  close_and_free(wake_);
}

void Loop::run() {
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

MonoTime Loop::now() const noexcept {
  return MonoTime{milliseconds{uv_now(loop_.get())}};
}

void Loop::run_posted() {
  std::vector<std::function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  for (auto& job : jobs) {
    job();
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

void Timer::start(milliseconds delay, milliseconds repeat) {
  uv_update_time(timer_->loop);
  uv_timer_start(
      timer_,
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) {
          static_cast<Timer*>(timer->data)->on_time_();
        }
      },
      static_cast<uint64_t>(delay.count()), static_cast<uint64_t>(repeat.count()));
}

void Timer::stop() {
  uv_timer_stop(timer_);
}

bool Timer::is_active() const noexcept {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(timer_)) != 0;
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
  must(uv_poll_init(loop.raw(), poll_, descriptor), "watch a socket");
  poll_->data = this;
}

Poll::~Poll() {
  uv_poll_stop(poll_);
  close_and_free(poll_);
}

void Poll::watch(bool readable, bool writable) {
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
