// What a reply must repeat beside its id and port, and a forger who does not see the question cannot know:
// the letter case in which its name was written (draft-vixie-dnsext-dns0x20), and a DNS cookie (RFC 7873).
// Pure; one server's.
//
// Not every server repeats them, so each is learnt. What some replies in a row repeat is expected from then
// on: a datagram without it is not believed, and the question goes over a stream, where nobody else can
// answer. Only what is missing there, too, is not expected any more: no forger can talk us out of it.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "resolver/base/random.h"
#include "resolver/dns/name.h"
#include "resolver/upstream/settings.h"

namespace cenote {

// A bit for each byte of a name's wire form: that letter is a capital.
using LetterCase = std::array<uint64_t, 4>;

inline uint8_t in_case(uint8_t byte, size_t at, const LetterCase& letter_case) noexcept {
  const bool is_capital = byte >= 'a' && byte <= 'z' && (letter_case[at / 64] >> (at % 64) & 1) != 0;
  return is_capital ? static_cast<uint8_t>(byte - ('a' - 'A')) : byte;  // a length is below any letter
}

// A cookie as a question carries it; empty: none.
struct EchoCookie {
  std::array<uint8_t, 40> bytes{};  // ours of 8 bytes, the server's of 8 to 32
  size_t size = 0;

  [[nodiscard]] Bytes view() const noexcept { return Bytes(bytes).first(size); }
};

// What was learnt of one server, by all workers: who of them asks next knows it.
//
// Threads: any.
class EchoMemory {
 public:
  explicit EchoMemory(bool sends_cookies);

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
  mutable std::mutex mutex_;
  EchoCookie cookie_;
};

class Echo {
 public:
  // Null: a memory of its own.
  Echo(bool mixes_case, bool sends_cookies, Random& random, std::shared_ptr<EchoMemory> memory = {});

  // How the next question is to be written; in small letters where letters are not mixed.
  [[nodiscard]] LetterCase draw() noexcept;
  // What the next question carries: our cookie and the server's, once it has given one.
  [[nodiscard]] EchoCookie cookie() const noexcept {
    return sends_cookies_ ? memory_->cookie() : EchoCookie{};
  }

  // A datagram that answers the question by id and name. False: ask over a stream.
  bool believes(Bytes reply, const Name& name, const LetterCase& written) noexcept;
  // A reply over a stream.
  void learn(Bytes reply, const Name& name, const LetterCase& written) noexcept;

 private:
  enum class CookieSeen : uint8_t {
    kNone,
    kOurs,
    kOther,
    kBad,      // ours, and out of date (BADCOOKIE)
    kFormErr,  // the whole question is, perhaps for its cookie
  };
  CookieSeen read_cookie(Bytes reply) noexcept;

  Random& random_;
  bool mixes_case_;
  bool sends_cookies_;
  std::shared_ptr<EchoMemory> memory_;
};

// The memories of servers, kept over reloads.
//
// Threads: any.
class EchoMemories {
 public:
  // Of a server that is asked for the same; the one that others have, where somebody has it.
  std::shared_ptr<EchoMemory> of(const UpstreamServer& server);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<EchoMemory>> memories_;
};

}  // namespace cenote
