// One name, address or URL as it stands in a feed -> its canonical form, or the reason why it cannot be used.
// Only bytes: no look-ups, no state between calls. Names come out as A-labels in lower case; what is public,
// special or ours is decided here too, because no format may forget it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ioc/indicator.h"
#include "ioc/reason.h"
#include "ioc/suffixes.h"

namespace cenote {

// A canonical name in both forms: what the index takes and what suffix lists compare.
struct HostName {
  Name name;
  std::array<char, 256> text;  // ends with '\0'
  size_t size = 0;
  [[nodiscard]] std::string_view view() const noexcept { return {text.data(), size}; }
};

// Blanks, TAB, no-break space (U+00A0) and ideographic space (U+3000) at both ends.
std::string_view trim_blanks(std::string_view text) noexcept;

// Takes the marks out that make an indicator harmless to click: hxxp://, [.], (dot), [:]// and so on. False
// when there was none: `out` is then untouched.
bool refang(std::string_view text, std::string& out);

// The spelling of a name: characters, labels, lengths, IDNA. Allocates only for names that are not ASCII.
Reason canonical_name(std::string_view text, HostName& out);
// Names that never are of the public DNS, or that no feed can mean: one label, numeric, .local, .onion ...
Reason check_name(const HostName& host) noexcept;

// An address or block in canonical text, with or without port or brackets.
Reason canonical_address(std::string_view text, Prefix& out) noexcept;
// Whether `text` was meant as an address (so that its fault is an address's): digits, dots, colons.
bool looks_like_address(std::string_view text) noexcept;

// The parts of "scheme://[user@]host[:port][/...]", or without the scheme. `host` keeps the brackets of IPv6.
struct Authority {
  std::string_view host;
  bool has_scheme = false;
  bool has_path = false;  // more than "/" behind the host
};
std::optional<Authority> split_url(std::string_view text) noexcept;

// The guards that every name passes: public suffixes and the organisation's own zones.
class NameGuard {
 public:
  NameGuard(const PublicSuffixes& suffixes, const std::vector<Name>& own);
  // kPrivateSuffix means: hold, do not refuse.
  [[nodiscard]] Reason check(const HostName& host, Scope scope) const;
  [[nodiscard]] bool has_known_tld(const HostName& host) const;

 private:
  [[nodiscard]] bool touches_own(std::string_view name, Scope scope) const;

  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

  const PublicSuffixes& suffixes_;
  TextSet own_;        // the own zones
  TextSet above_own_;  // every ancestor of one
};

}  // namespace cenote
