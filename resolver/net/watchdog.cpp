#include "resolver/net/watchdog.h"

#include <algorithm>

#include "resolver/base/log.h"

namespace cenote {

Watchdog::Watchdog(std::function<void()> on_alive, Limits limits)
    : on_alive_(std::move(on_alive)), limits_(limits) {}

Watchdog::~Watchdog() {
  stop();
}

void Watchdog::watch(Loop& loop, std::string name, bool is_vital) {
  const std::lock_guard lock(mutex_);
  Entry entry;
  entry.name = std::move(name);
  entry.loop = &loop;
  entry.is_vital = is_vital;
  entry.asked = loop.turns().answered.value();
  entries_.push_back(std::move(entry));
}

void Watchdog::start() {
  thread_ = std::thread([this] { run(); });
}

void Watchdog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::vector<Watchdog::Watched> Watchdog::watched() const {
  const std::lock_guard lock(mutex_);
  return {entries_.begin(), entries_.end()};
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, limits_.look, [this] { return stopping_; })) {
    if (look()) {
      lock.unlock();
      on_alive_();
      lock.lock();
    }
  }
}

bool Watchdog::look() {
  const MonoTime now = mono_now();
  for (Entry& entry : entries_) {
    look_at(entry, now);
  }
  return std::none_of(entries_.begin(), entries_.end(),
                      [](const Entry& one) { return one.is_vital && one.stands; });
}

void Watchdog::look_at(Entry& entry, MonoTime now) {
  const auto waited = std::chrono::duration_cast<milliseconds>(now - entry.asked_at);
  if (entry.loop->turns().answered.value() == entry.asked) {
    if (std::exchange(entry.stands, false)) {
      log::warn("{} goes on; it stood still for {} ms", entry.name, waited.count());
    }
    tell_of_slow_turns(entry, now);
    entry.asked_at = now;
    entry.loop->answer(++entry.asked);
    return;
  }
  if (entry.caught == nullptr) {
    entry.caught = entry.loop->turns().doing.load();
  }
  if (waited >= limits_.stands && !entry.stands) {
    entry.stands = true;
    log::critical("{} stands still, for {} ms now; what it began last: {}", entry.name, waited.count(),
                  entry.caught);
  }
}

void Watchdog::tell_of_slow_turns(Entry& entry, MonoTime now) {
  const LoopTurns& turns = entry.loop->turns();
  const uint64_t slow = turns.slow.value() - entry.slow_told;
  if (slow == 0 || now - entry.told_at < limits_.between_lines) {
    return;
  }
  log::warn("{}: {} turns of its loop took {} ms or longer, the longest so far {} ms; what one did: {}",
            entry.name, slow, LoopTurns::kSlow.count(), turns.longest_ms.value(),
            entry.caught != nullptr ? entry.caught : turns.doing.load());
  entry.slow_told += slow;
  entry.told_at = now;
  entry.caught = nullptr;
}

}  // namespace cenote
