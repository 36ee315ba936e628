// What is learnt of an upstream server and holds for all workers, over reloads: what it repeats (see Echo),
// and how simply it must be asked.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "resolver/base/bytes.h"
#include "resolver/base/clock.h"
#include "resolver/upstream/settings.h"

namespace cenote {

// A cookie as a question carries it; empty: none.
struct EchoCookie {
  std::array<uint8_t, 40> bytes{};  // ours of 8 bytes, the server's of 8 to 32
  size_t size = 0;

  [[nodiscard]] Bytes view() const noexcept { return Bytes(bytes).first(size); }
};

// What was learnt of one server, by all workers: who of them asks next knows it.
//
// Threads: any.
class ServerMemory {
 public:
  explicit ServerMemory(bool sends_cookies);

  static constexpr uint8_t kProof = 4;  // so many in a row
  class Habit {
   public:
    [[nodiscard]] bool is_expected() const noexcept {
      return times_.load(std::memory_order_relaxed) >= kProof;
    }
    void saw(bool repeated) noexcept {
      const uint8_t times = times_.load(std::memory_order_relaxed);
      const uint8_t seen = !repeated ? uint8_t{0} : times >= kProof ? times : static_cast<uint8_t>(times + 1);
      if (seen != times) {
        times_.store(seen, std::memory_order_relaxed);
      }
    }

   private:
    std::atomic<uint8_t> times_{0};
  };
  Habit letter_case;
  Habit cookies;

  // Whether it answers in the simple form alone: then questions go without EDNS for a while, until one finds
  // out whether that is still so (RFC 6891 section 6.2.2). A server that has understood EDNS in the same time
  // may mind it for some names, of other servers' making, and still gets it.
  static constexpr seconds kHolds{15 * 60};
  void note_understood(MonoTime now) noexcept {
    if (now - understood_.load(std::memory_order_relaxed) >= seconds{1}) {  // a line that all workers read
      understood_.store(now, std::memory_order_relaxed);
      simple_until_.store(MonoTime{}, std::memory_order_relaxed);
    }
  }
  // It minded a question, and answered it in the simple form.
  void note_simple(MonoTime now) noexcept {
    if (now - understood_.load(std::memory_order_relaxed) >= kHolds) {
      simple_until_.store(now + kHolds, std::memory_order_relaxed);
    }
  }
  [[nodiscard]] bool is_simple(MonoTime now) const noexcept {
    return now < simple_until_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] EchoCookie cookie() const noexcept;
  // What `change(EchoCookie&)` gives, which no other worker's change comes between; nullopt, and it is not
  // called, when no cookie is sent any more.
  template <typename Change>
  auto update(Change&& change) noexcept -> std::optional<decltype(change(std::declval<EchoCookie&>()))> {
    const std::lock_guard lock(mutex_);
    return cookie_.size != 0 ? std::optional(change(cookie_)) : std::nullopt;
  }
  void give_up_cookies() noexcept;

 private:
  std::atomic<MonoTime> understood_{MonoTime{} - kHolds};
  std::atomic<MonoTime> simple_until_{MonoTime{}};
  alignas(64) mutable std::mutex mutex_;  // beside what all workers read
  EchoCookie cookie_;
};

// The memories of servers, kept over reloads.
//
// Threads: any.
class ServerMemories {
 public:
  // Of a server that is asked for the same; the one that others have, where somebody has it.
  std::shared_ptr<ServerMemory> of(const UpstreamServer& server);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ServerMemory>> memories_;
};

}  // namespace cenote
