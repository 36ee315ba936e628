// What upstream said, by question, bounded in bytes. Policy is not in here: it runs before the look-up and on
// what is found (docs/decisions/0004-policy-around-cache.md), so a pushed indicator acts at once without a
// flush.
//
// One worker's; no lock. Eviction is SIEVE (Zhang and others, NSDI 2024): one bit a hit, and a flood of names
// that are asked once leaves before it can push out what is asked often.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "resolver/base/clock.h"
#include "resolver/base/counters.h"
#include "resolver/cache/settings.h"
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
  uint16_t partition = 0;

  [[nodiscard]] uint64_t hash() const noexcept;
  [[nodiscard]] uint64_t name_hash() const noexcept;  // of all but the type
};

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

class AnswerCache {
 public:
  // Small, for there are millions: times in sixteenths of a second, and the key's name only in the message.
  class Entry {
   public:
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

    // Asked often, and close to its end: worth to be asked for again before it goes. True once in its life.
    bool take_refresh(MonoTime now) noexcept;

    [[nodiscard]] uint16_t partition() const noexcept { return partition_; }

    // What the pipeline has found out about this answer; it is the pipeline's to write.
    struct Findings {
      // The pipeline's rules under which nothing was listed, neither the question nor what the answer holds.
      // 32 bits are enough: four thousand million pushes do not come within an entry's life.
      uint32_t clear_under = 0;
      uint16_t guard_settings = 0;  // the rebinding guard's, by number, when it last looked; 0: never
      bool leads_inside = false;    // what it saw
    };
    Findings findings;

   private:
    friend class AnswerCache;
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
    // What stands behind an entry.
    struct Content {
      Bytes message;
      std::span<const uint16_t> ttl_offsets;
      const UpstreamError* error = nullptr;

      [[nodiscard]] size_t bytes() const noexcept;
    };
    void fill(const Content& content) noexcept;
    [[nodiscard]] size_t bytes() const noexcept;
    [[nodiscard]] size_t error_bytes() const noexcept;
    [[nodiscard]] Bytes name() const noexcept;
    [[nodiscard]] uint64_t hash() const noexcept;  // its key's
    [[nodiscard]] uint16_t ttl_offset(size_t index) const noexcept;
    void cap_ttls(seconds most) noexcept;

    PackedPointer<Entry> newer_;
    PackedPointer<Entry> older_;
    Ticks stored_ = 0;
    Ticks expires_ = 0;
    Ticks retry_after_ = 0;  // upstream failed: until then a stale answer is given without asking
    uint16_t type_ = 0;
    uint16_t partition_ = 0;
    uint16_t ttl_count_ = 0;
    uint16_t message_size_ = 0;
    uint8_t name_size_ = 0;
    uint8_t rcode_ : 4 = 0;
    uint8_t key_flags_ : 2 = 0;
    bool failure_ : 1 = false;
    bool visited_ : 1 = false;  // SIEVE's bit
    uint8_t hits_ : 3 = 0;      // up to what makes it hot
    bool refreshed_ : 1 = false;
    bool has_error_ : 1 = false;
    // Behind the entry: the TTL offsets (2 bytes each), the message, and of the few that have an extended
    // error its code (2 bytes), the length of its text (1 byte), the text.
    [[nodiscard]] uint8_t* tail() noexcept { return reinterpret_cast<uint8_t*>(this + 1); }
    [[nodiscard]] const uint8_t* tail() const noexcept { return reinterpret_cast<const uint8_t*>(this + 1); }
  };

  struct Counters {
    Counter inserted;
    Counter evicted;
    Counter entries;
    Counter bytes;
  };

  // `bytes` is this worker's share.
  AnswerCache(const CacheSettings& settings, uint64_t bytes);
  ~AnswerCache();
  AnswerCache(const AnswerCache&) = delete;
  AnswerCache& operator=(const AnswerCache&) = delete;

  // A fresh entry, or a stale one while upstream is known to fail, or null. The pointer holds until the next
  // call that is not const. That a name does not exist is known for all its types (RFC 2308 section 5).
  // `has_stale`, where it is wanted: there was one that is neither, and find_stale() may have a use for it.
  Entry* find(const CacheKey& key, MonoTime now, bool* has_stale = nullptr) noexcept;
  // A fresh entry that says that some name above this one does not exist: then this one does not either (RFC
  // 8020 section 2). Not for DNSSEC's askers, whose proof names the question; and not where upstream said
  // more than that (RFC 8914): a filter's NXDOMAIN is of one name, what is below may be allowed.
  Entry* find_cut(const CacheKey& key, MonoTime now) noexcept;
  // The same, but an expired entry within serve_stale is found too; for use when upstream fails.
  Entry* find_stale(const CacheKey& key, MonoTime now) noexcept;

  // Keeps a response for its TTL within the configured bounds. Does nothing (and returns null) for what must
  // not be cached: TTL 0, a negative answer without SOA, an rcode that says nothing about the name.
  Entry* insert(const CacheKey& key, const ScrubbedResponse& response, MonoTime now);
  // Remembers that resolution failed, so that a broken zone is not asked again at once. RFC 9520 section 3.2.
  void insert_failure(const CacheKey& key, MonoTime now);

  void clear() noexcept;
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

 private:
  // `name_hash`: of `name`, the key's or one above it.
  [[nodiscard]] Entry* lookup(const CacheKey& key, Bytes name, uint64_t name_hash,
                              uint16_t type) const noexcept;
  Entry* emplace(const CacheKey& key, uint64_t name_hash, uint16_t type, const Entry::Content& content,
                 MonoTime now);
  [[nodiscard]] bool is_usable_stale(const Entry& entry, MonoTime now) const noexcept;
  void place(Entry* entry, uint64_t hash) noexcept;
  void remove(Entry* entry) noexcept;
  void evict_one() noexcept;
  void grow();
  [[nodiscard]] size_t next(size_t slot) const noexcept { return (slot + 1) & (slots_.size() - 1); }
  [[nodiscard]] size_t home(uint64_t hash) const noexcept { return hash & (slots_.size() - 1); }

  // An entry and, in the bits that a pointer leaves, some of its hash: most mismatches never touch the entry.
  class Slot {
   public:
    Slot() = default;
    Slot(Entry* entry, uint64_t hash) noexcept
        : bits_(reinterpret_cast<uint64_t>(entry) | tag_of(hash) << kPointerBits) {}
    [[nodiscard]] bool is_used() const noexcept { return bits_ != 0; }
    [[nodiscard]] bool may_be_of(uint64_t hash) const noexcept {
      return bits_ >> kPointerBits == tag_of(hash);
    }
    [[nodiscard]] Entry* entry() const noexcept {
      return reinterpret_cast<Entry*>(bits_ & ((uint64_t{1} << kPointerBits) - 1));
    }

   private:
    static constexpr unsigned kPointerBits = PackedPointer<Entry>::kBits;
    static uint64_t tag_of(uint64_t hash) noexcept { return hash >> kPointerBits; }
    uint64_t bits_ = 0;
  };

  CacheSettings settings_;
  uint64_t capacity_;
  std::vector<Slot> slots_;  // open addressing, linear probing, backward-shift deletion
  size_t size_ = 0;
  PackedPointer<Entry> newest_;
  PackedPointer<Entry> oldest_;
  PackedPointer<Entry> hand_;
  Counters counters_;
};

}  // namespace cenote
