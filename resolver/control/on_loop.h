// A reply that another thread gives, and the loop's thread hears. What it holds (a request, its connection)
// belongs to that thread: it is called there, and goes there, whoever holds the last copy.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "resolver/net/loop.h"

namespace cenote {

// REQUIRES: `loop` outlives every copy. Called once at most.
template <typename Value>
std::function<void(Value)> on_loop(Loop& loop, std::function<void(Value)> reply) {
  using Reply = std::function<void(Value)>;
  const auto let_go = [&loop](Reply* last) {
    std::shared_ptr<Reply> owner(last);
    if (*owner) {  // It was never called.
      loop.post([owner = std::move(owner)] {});
    }
  };
  const std::shared_ptr<Reply> kept(new Reply(std::move(reply)), let_go);
  return [&loop, kept](Value value) {
    // The job has them alone: the caller's copies may stay longer than the job does.
    auto taken = std::make_shared<Reply>(std::exchange(*kept, nullptr));
    auto given = std::make_shared<Value>(std::move(value));
    loop.post([taken = std::move(taken), given = std::move(given)] { (*taken)(std::move(*given)); });
  };
}

}  // namespace cenote
