// The words of an indicator of compromise: what a feed says about one name or one address block. STIX 2.1
// speaks of an "indicator"; scope and action are those of docs/security-team.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "resolver/base/address.h"
#include "resolver/base/clock.h"
#include "resolver/dns/name.h"

namespace cenote {

// What an entry covers.
enum class Scope : uint8_t {
  kExact,   // this name only
  kSuffix,  // this name and everything below
  kBelow,   // everything below, not the name itself (RPZ "*.x", STIX LIKE '%.x')
};

// What happens to a query that an entry covers; from kNodata to kDrop it is blocked. Which of several entries
// acts is for policy to say, by how specific they are and not by this order (docs/security-team.md, "When
// feeds disagree").
enum class Action : uint8_t {
  kPass,     // nothing lists the name
  kMonitor,  // recorded, answered as usual
  kNodata,   // NOERROR without data
  kNxdomain,
  kSinkhole,  // the block page's address
  kRefuse,
  kDrop,   // no answer at all
  kAllow,  // an exception: other feeds' entries at this depth or above do not act
};

// How an entry came into its feed. The list may change under what people added, so the two stand side by
// side.
enum class Origin : uint8_t {
  kList,    // with the feed's content
  kByHand,  // one at a time, by a person
};

std::string_view to_text(Action action) noexcept;  // "monitor", "sinkhole", ...
std::optional<Action> parse_action(std::string_view text) noexcept;
std::string_view to_text(Scope scope) noexcept;  // "exact", "suffix", "below"
std::optional<Scope> parse_scope(std::string_view text) noexcept;

// One accepted line (or object) of a feed, as a format parser hands it over. The texts borrow from the parser
// and hold only during the call; absent ones are empty, and the feed's own defaults stand in for them.
struct Indicator {
  enum class Kind : uint8_t { kName, kAddress };
  Kind kind = Kind::kName;
  Scope scope = Scope::kExact;
  bool allow = false;     // the feed says "not this one" (@@||x^, rpz-passthru)
  bool from_url = false;  // taken out of a URL: the host may be shared by many
  Origin origin = Origin::kList;
  Name name;                     // kName
  Prefix prefix;                 // kAddress
  std::optional<Action> action;  // where the format itself says (RPZ)
  int confidence = -1;           // 0..100, -1: the feed's default
  std::optional<WallTime> first_seen;
  std::optional<WallTime> valid_from;
  std::optional<WallTime> valid_until;  // exclusive
  std::string_view category;
  std::string_view threat;
  std::string_view reference;  // http(s) URL
  std::string_view note;
  std::string_view source_ref;  // the feed's own id of it
};

}  // namespace cenote
