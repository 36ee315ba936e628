// The decision about one question or one answer, as data. Made once by Policy and carried unchanged to the
// answer, the event, the metrics, the SIEM line and the block page: "why?" is never computed twice in two
// ways.
//
// It holds no pointer into a snapshot, so it may be kept across a wait.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "ioc/indicator.h"
#include "resolver/base/text.h"

namespace cenote {

// What of the query or of its answer an entry matched.
enum class MatchKind : uint8_t {
  kNone,
  kQuestion,       // the name that was asked
  kCname,          // a name that an answer's CNAME chain passes through
  kAddress,        // an A or AAAA in the answer
  kServiceTarget,  // the target name of an HTTPS or SVCB record
  kServiceHint,    // an ipv4hint or ipv6hint of an HTTPS or SVCB record
};
std::string_view to_text(MatchKind kind) noexcept;  // "qname", "cname", "address", "svcb-target", "svcb-hint"

// A short text by value: cut at its capacity on a whole UTF-8 character.
template <size_t N>
class ShortText {
 public:
  static constexpr size_t kCapacity = N;

  ShortText() noexcept {}  // not "= default": that would clear all its bytes in a verdict's {}
  ShortText(const ShortText& other) noexcept { *this = other; }
  ShortText& operator=(const ShortText& other) noexcept {
    constexpr size_t kUsual = std::min<size_t>(N, 30);  // a copy of fixed size is a few instructions
    size_ = other.size_;
    std::memcpy(bytes_.data(), other.bytes_.data(), kUsual);
    if (size_ > kUsual) {
      std::memcpy(bytes_.data() + kUsual, other.bytes_.data() + kUsual, N - kUsual);
    }
    return *this;
  }
  // NOLINTNEXTLINE(google-explicit-constructor): a text is a text
  ShortText(std::string_view text) noexcept { *this = text; }
  ShortText& operator=(std::string_view text) noexcept {
    const std::string_view taken = first_bytes(text, N);
    std::copy(taken.begin(), taken.end(), bytes_.begin());
    size_ = static_cast<uint8_t>(taken.size());
    return *this;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  // NOLINTNEXTLINE(google-explicit-constructor): a text is a text
  operator std::string_view() const noexcept { return view(); }

 private:
  static_assert(N < 256);
  uint8_t size_ = 0;
  std::array<char, N> bytes_;
};

// What of it has a fixed size.
struct VerdictFacts {
  Action action = Action::kPass;  // what is done; kPass when nothing matched or an exception allows it
  MatchKind match = MatchKind::kNone;
  Scope scope = Scope::kExact;  // of the entry that won
  uint8_t depth = 0;            // labels of that entry's name (bits of its prefix)
  uint8_t confidence = 0;
  bool keeps_children = false;  // names below resolve on their own: never NXDOMAIN here (RFC 8020)
  bool excepted = false;        // an exception covers the name: what its answer carries is let through, too
  uint64_t generation = 0;      // of the snapshot that decided

  [[nodiscard]] bool blocks() const noexcept { return action >= Action::kNodata && action <= Action::kDrop; }
  [[nodiscard]] bool is_recorded() const noexcept { return blocks() || action == Action::kMonitor; }
  [[nodiscard]] bool is_about_address() const noexcept {
    return match == MatchKind::kAddress || match == MatchKind::kServiceHint;
  }
};

struct Verdict : VerdictFacts {
  Name matched;       // what was compared: the question, the hop, or the target
  IpAddress address;  // kAddress, kServiceHint
  ShortText<62> feed;
  ShortText<30> category;
  ShortText<126> threat;
  ShortText<126> reference;
};

}  // namespace cenote
