// Extended errors (RFC 8914): one to be written, and one that an upstream sent, made fit to be passed on. Any
// thread; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "resolver/base/bytes.h"
#include "resolver/dns/types.h"

namespace cenote {

struct ExtendedError {
  Ede code = Ede::kOther;
  std::string_view text;
};

// Its text says whose word it is (RFC 8914 section 3): "upstream: ...", or "upstream" where there was none.
// Printable, on one line, valid UTF-8.
struct UpstreamError {
  Ede code = Ede::kOther;
  std::string text;

  [[nodiscard]] ExtendedError view() const noexcept { return {code, text}; }
};
constexpr size_t kMaxUpstreamErrorText = 140;

// The first error among a response's EDNS `options` that is worth to be passed on. `is_answer`: it comes with
// an answer and not with a failure, and then only what speaks of the answer counts.
std::optional<UpstreamError> read_upstream_error(Bytes options, bool is_answer);

// Did somebody decide that the client shall not get the true answer? An address that leads nowhere is forged.
constexpr bool is_block(Ede code) noexcept {
  return code == Ede::kForgedAnswer || code == Ede::kBlocked || code == Ede::kCensored ||
         code == Ede::kFiltered;
}

}  // namespace cenote
