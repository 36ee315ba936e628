// One answer in the cache. Small, for there are millions: times in sixteenths of a second, the key's name
// only in the message, and everything in one piece of memory.
//
// Threads: what a CachedAnswer holds is written before others can see it, and never again, but for what is
// atomic here.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <span>

#include "resolver/base/clock.h"
#include "resolver/dns/scrub.h"

namespace cenote {

// What makes two questions the same to the cache. DO and CD are kept apart (RFC 4035 section 3.2, RFC 6840
// section 5.9); `partition` is the upstream zone, so that one zone's servers never answer for another's
// (MaginotDNS).
struct CacheKey {
  Name name;
  uint16_t type = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  uint32_t partition = 0;

  [[nodiscard]] uint64_t hash() const noexcept;
  [[nodiscard]] uint64_t name_hash() const noexcept;  // of all but the type
  // A bit for each of the two flags.
  [[nodiscard]] uint8_t flags() const noexcept {
    return static_cast<uint8_t>((dnssec_ok ? 1 : 0) | (checking_disabled ? 2 : 0));
  }
};

// Of a name that is the key's or one above it: hashed once for whatever types are looked for.
uint64_t hash_of_name(Bytes name, uint32_t partition, uint8_t flags) noexcept;
uint64_t hash_of_type(uint64_t name_hash, uint16_t type) noexcept;

// A pointer in six bytes, for what there are millions of: no address of a program has more than 48 bits
// (x86-64, and AArch64 unless it asks for more, or for tags in the upper ones).
template <typename T>
class PackedPointer {
 public:
  static constexpr unsigned kBits = 48;
  PackedPointer() = default;            // null
  PackedPointer(T* pointer) noexcept {  // NOLINT(google-explicit-constructor): a pointer is a pointer
    const auto address = reinterpret_cast<uint64_t>(pointer);
    std::memcpy(bytes_.data(), &address, bytes_.size());
  }
  operator T*() const noexcept {  // NOLINT(google-explicit-constructor): a pointer is a pointer
    uint64_t address = 0;
    std::memcpy(&address, bytes_.data(), bytes_.size());
    return reinterpret_cast<T*>(address);
  }
  T* operator->() const noexcept { return *this; }

 private:
  static_assert(std::endian::native == std::endian::little, "the low bytes stand first");
  std::array<uint8_t, kBits / 8> bytes_{};
};

// Where an answer's addresses lead, to the rebinding guard.
enum class LeadsTo : uint8_t {
  kOutside,  // or there are none
  kNowhere,  // all are 0.0.0.0 or ::, as upstreams that filter answer
  kInside,   // at least one is of an inner network
};

class CachedAnswer {
 public:
  // What is kept of an answer.
  struct Content {
    Bytes message;
    std::span<const uint16_t> ttl_offsets;
    const UpstreamError* error = nullptr;

    [[nodiscard]] size_t bytes() const noexcept;
  };
  struct Life {
    MonoTime stored;
    seconds ttl{0};
  };
  struct Free {
    void operator()(CachedAnswer* answer) const noexcept;
  };
  using Ptr = std::unique_ptr<CachedAnswer, Free>;
  // `type`: the key's, or kNoSuchName. Null: no memory.
  // REQUIRES: a text of at most kMaxUpstreamErrorText.
  static Ptr make(const CacheKey& key, uint16_t type, Rcode rcode, const Content& content, const Life& life,
                  bool is_failure = false) noexcept;

  // The key's type for "this name does not exist", which holds for all types. No question has it.
  static constexpr uint16_t kNoSuchName = 0;

  [[nodiscard]] Bytes message() const noexcept;  // as ScrubbedResponse::message, TTLs as received
  [[nodiscard]] Rcode rcode() const noexcept { return Rcode{rcode_}; }
  [[nodiscard]] bool is_failure() const noexcept { return failure_; }  // RFC 9520: answer SERVFAIL
  // What upstream said beside the answer. REQUIRES: has_error().
  [[nodiscard]] bool has_error() const noexcept { return has_error_; }
  [[nodiscard]] ExtendedError error() const noexcept;
  [[nodiscard]] bool is_fresh(MonoTime now) const noexcept { return ticks(now) < expires_; }
  // Copies the message with each TTL reduced by its age, to `out` (REQUIRES: room for message().size()); a
  // stale one carries `stale_ttl` everywhere (RFC 8767 section 4).
  size_t copy(MutableBytes out, MonoTime now, seconds stale_ttl = seconds{30}) const noexcept;
  [[nodiscard]] bool is_usable_stale(MonoTime now, seconds serve_stale) const noexcept {
    return ticks(now) < expires_ + ticks(failure_ ? seconds{0} : serve_stale);
  }
  // Upstream failed a moment ago: a stale answer is given without asking.
  [[nodiscard]] bool is_paused(MonoTime now) const noexcept {
    return ticks(now) < retry_after_.load(std::memory_order_relaxed);
  }
  void pause(MonoTime now, seconds time) noexcept {
    retry_after_.store(ticks(now) + ticks(time), std::memory_order_relaxed);
  }

  // Somebody asked for it. Writes only the first few times, and after the hand of SIEVE has passed.
  void note_use() noexcept {
    uint8_t use = use_.load(std::memory_order_relaxed);
    while ((use & kVisited) == 0 || (use & kHits) < kHot) {
      const auto more = static_cast<uint8_t>(use | kVisited) + ((use & kHits) < kHot ? 1 : 0);
      if (use_.compare_exchange_weak(use, static_cast<uint8_t>(more), std::memory_order_relaxed)) {
        return;
      }
    }
  }
  // SIEVE's bit: seen since the hand last passed. Takes it away.
  bool take_visited() noexcept {
    return (use_.fetch_and(static_cast<uint8_t>(~kVisited), std::memory_order_relaxed) & kVisited) != 0;
  }
  // Asked often, and close to its end: worth to be asked for again before it goes. True once in its life.
  bool take_refresh(MonoTime now) noexcept {
    constexpr uint32_t kTenth = 10;
    constexpr seconds kLeastLife{10};  // what lives shorter would be asked for all the time
    const uint8_t use = use_.load(std::memory_order_relaxed);
    const Ticks life = expires_ - stored_;
    return (use & kRefreshed) == 0 && (use & kHits) >= kHot && is_fresh(now) && life >= ticks(kLeastLife) &&
           expires_ - ticks(now) <= life / kTenth &&
           (use_.fetch_or(kRefreshed, std::memory_order_relaxed) & kRefreshed) == 0;
  }

  [[nodiscard]] uint32_t partition() const noexcept { return partition_; }
  // Whether it answers `key`, with a name that is its own or one above it.
  [[nodiscard]] bool is_of(const CacheKey& key, Bytes name, uint16_t type) const noexcept {
    return type_ == type && partition_ == key.partition && key_flags_ == key.flags() &&
           name_size_ == name.size() && std::memcmp(this->name().data(), name.data(), name.size()) == 0;
  }
  [[nodiscard]] uint64_t hash() const noexcept;       // its key's
  [[nodiscard]] uint64_t name_hash() const noexcept;  // its key's
  [[nodiscard]] size_t bytes() const noexcept;        // that it takes, with its places in the table

  // What pipelines have found out about this answer. What one writes is true for all.
  class Findings {
   public:
    // The rules under which nothing was listed, neither the question nor what the answer holds: by the
    // pipelines' number, which is no other rules' within an answer's life.
    [[nodiscard]] uint32_t clear_under() const noexcept {
      return clear_under_.load(std::memory_order_relaxed);
    }
    void set_clear_under(uint32_t rules) noexcept { clear_under_.store(rules, std::memory_order_relaxed); }
    // What the rebinding guard with these settings, by number (never 0), last saw. nullopt: it has not
    // looked.
    [[nodiscard]] std::optional<LeadsTo> leads_to(uint16_t settings) const noexcept {
      const uint16_t seen = seen_.load(std::memory_order_relaxed);
      return seen >> kLeadBits == settings ? std::optional(LeadsTo{static_cast<uint8_t>(seen & 3)})
                                           : std::nullopt;
    }
    void set_leads_to(uint16_t settings, LeadsTo place) noexcept {
      seen_.store(static_cast<uint16_t>(settings << kLeadBits | static_cast<uint8_t>(place)),
                  std::memory_order_relaxed);
    }
    static constexpr unsigned kLeadBits = 2;
    static constexpr uint16_t kMostSettings = UINT16_MAX >> kLeadBits;

   private:
    std::atomic<uint32_t> clear_under_{0};
    std::atomic<uint16_t> seen_{0};
  };

 private:
  friend class CacheShard;
  // Time since the machine's start, good for eight years. Whole seconds apart stay whole seconds apart, and
  // nothing lasts longer than it may.
  using Ticks = uint32_t;
  static constexpr Ticks kTicksPerSecond = 16;
  static Ticks ticks(MonoTime time) noexcept {
    constexpr uint64_t kTick = std::chrono::nanoseconds(seconds{1}).count() / kTicksPerSecond;
    // Never negative, and an unsigned division by what is known is one multiplication.
    return static_cast<Ticks>(
        static_cast<uint64_t>(std::chrono::nanoseconds(time.time_since_epoch()).count()) / kTick);
  }
  static Ticks ticks(seconds duration) noexcept {
    constexpr seconds kLongest = std::chrono::years{1};
    return static_cast<Ticks>(std::min(duration, kLongest).count()) * kTicksPerSecond;
  }
  // Of use_.
  static constexpr uint8_t kHits = 7;  // up to kHot
  static constexpr uint8_t kVisited = 8;
  static constexpr uint8_t kRefreshed = 16;
  static constexpr uint8_t kHot = 4;  // asked so often in its life it is worth to be asked for again

  CachedAnswer() = default;
  void fill(const Content& content) noexcept;
  [[nodiscard]] size_t error_bytes() const noexcept;
  [[nodiscard]] Bytes name() const noexcept;
  [[nodiscard]] uint16_t ttl_offset(size_t index) const noexcept;

  // SIEVE's order; of one that was taken out, the next one and under which number. Written under the shard's
  // lock, and read by nobody else.
  PackedPointer<CachedAnswer> newer_;
  PackedPointer<CachedAnswer> older_;
  Ticks stored_ = 0;
  Ticks expires_ = 0;
  std::atomic<Ticks> retry_after_{0};

 public:
  [[no_unique_address]] Findings findings;  // its end is no place to waste

 private:
  uint16_t type_ = 0;
  uint32_t partition_ = 0;
  uint16_t ttl_count_ = 0;
  uint16_t message_size_ = 0;
  uint8_t name_size_ = 0;
  uint8_t rcode_ : 4 = 0;
  uint8_t key_flags_ : 2 = 0;
  bool failure_ : 1 = false;
  bool has_error_ : 1 = false;
  std::atomic<uint8_t> use_{0};
  // Behind it: the TTL offsets (2 bytes each), the message, and of the few that have an extended error its
  // code (2 bytes), the length of its text (1 byte), the text.
  [[nodiscard]] uint8_t* tail() noexcept { return reinterpret_cast<uint8_t*>(this + 1); }
  [[nodiscard]] const uint8_t* tail() const noexcept { return reinterpret_cast<const uint8_t*>(this + 1); }
};

}  // namespace cenote
