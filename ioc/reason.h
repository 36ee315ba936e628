// Why a line of a feed was not taken, in one word each. The words are part of the contract: people count and
// search for them in `cenote feed rejects`; docs/security-team.md explains every one.
#pragma once

#include <cstdint>
#include <string_view>

namespace cenote {

enum class Reason : uint8_t {
  kNone,  // good
  // lines
  kLineTooLong,
  kNulByte,
  kControlChar,
  // names
  kEmpty,
  kEmptyLabel,
  kLabelTooLong,
  kNameTooLong,
  kBadChar,
  kBadIdna,
  kFormatChar,
  kSingleLabel,
  kNumericTld,
  kSpecialUse,
  kIcannSuffix,
  kPrivateSuffix,
  kOwnDomain,
  kRoot,
  kUnsupportedPattern,
  kUnknownTld,
  kBadUrl,
  // addresses
  kWeirdIp,
  kIpNotGlobal,
  kCidrTooWide,
  kCidrHostBits,
  // list formats
  kHostsRedirect,
  kUnsupportedRule,
  kUnsupportedModifier,
  kCosmetic,
  kUrlPathRule,
  kMissingSeparator,
  kUrlPath,
  // rpz
  kBadRecord,
  kUnsupportedAction,
  kBadAction,
  kUnsupportedTrigger,
  kIncludeRefused,
  kGenerateRefused,
  kOutOfZone,
  // structured feeds
  kCsvUnclosedQuote,
  kNotNetwork,
  kNotToIds,
  kIpSrc,
  kRevoked,
  kBenign,
  kSuperseded,
  kPatternSyntax,
  kPatternTooLong,
  kPatternDepth,
  kPatternConjunction,
  kPatternFollowedby,
  kPatternNegation,
  kPatternMatches,
  kPatternLike,
  kPatternCompare,
  kPatternQualifier,
  kPatternType,
  kNoNetworkIoc,
  kCount,  // not a reason
};

std::string_view to_text(Reason reason) noexcept;  // "line_too_long"; lives for ever

}  // namespace cenote
