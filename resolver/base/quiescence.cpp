#include "resolver/base/quiescence.h"

#include <algorithm>

namespace cenote {

Quiescence::Reader::Reader(Quiescence& quiescence) : quiescence_(quiescence) {
  const std::lock_guard lock(quiescence_.mutex_);
  quiescence_.readers_.push_back(this);
}

Quiescence::Reader::~Reader() {
  const std::lock_guard lock(quiescence_.mutex_);
  std::erase(quiescence_.readers_, this);
}

// A reader that enters meanwhile may make it smaller again, which delays somebody and harms nobody.
uint64_t Quiescence::look() noexcept {
  const std::lock_guard lock(mutex_);
  uint64_t over = next_.load();
  for (const Reader* reader : readers_) {
    over = std::min(over, reader->since_.load());
  }
  over_.store(over, std::memory_order_release);
  return over;
}

}  // namespace cenote
