// Cookies that are due some time after they came, the same for all: so the first is due first. One loop's.
#pragma once

#include <deque>
#include <functional>

#include "resolver/net/loop.h"

namespace cenote {

class DueCookies {
 public:
  DueCookies(Loop& loop, milliseconds after, std::function<void(uint64_t cookie)> on_due)
      : loop_(loop), after_(after), on_due_(std::move(on_due)), timer_(loop, [this] { on_time(); }) {}

  void push(uint64_t cookie) {
    cookies_.push_back({loop_.now() + after_, cookie});
    if (!timer_.is_active()) {
      timer_.start(after_);
    }
  }

 private:
  struct Due {
    MonoTime at;
    uint64_t cookie;
  };

  void on_time() {
    const MonoTime now = loop_.now();
    while (!cookies_.empty() && cookies_.front().at <= now) {
      const uint64_t cookie = cookies_.front().cookie;
      cookies_.pop_front();
      on_due_(cookie);
    }
    if (!cookies_.empty()) {
      timer_.start(std::chrono::ceil<milliseconds>(cookies_.front().at - now));
    }
  }

  Loop& loop_;
  const milliseconds after_;
  const std::function<void(uint64_t)> on_due_;
  std::deque<Due> cookies_;
  Timer timer_;
};

}  // namespace cenote
