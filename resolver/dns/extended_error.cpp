#include "resolver/dns/extended_error.h"

#include "resolver/base/text.h"

namespace cenote {
namespace {

// A text says little in more bytes, and each could be what the answer lacks room for (RFC 8914 section 3).
constexpr size_t kMostRead = 120;

// What is left out tells of the upstream's own troubles on the way to the answer, which are over when the
// cache gives that answer again, or of what it makes of us, its client: to ours it would be a lie. All else
// may be about the answer, codes too that nobody has thought of yet: that it is blocked, forged, stale or
// made up, or what is wrong with its signatures, which CD lets through.
bool speaks_of_answer(Ede code) noexcept {
  switch (code) {
    case Ede::kCachedError:
    case Ede::kNotReady:
    case Ede::kProhibited:
    case Ede::kNotAuthoritative:
    case Ede::kNotSupported:
    case Ede::kNoReachableAuthority:
    case Ede::kNetworkError:
      return false;
    default:
      return true;
  }
}

UpstreamError make_error(Ede code, std::string_view text) {
  if (text.empty()) {
    return {code, "upstream"};
  }
  const std::string marked = "upstream: " + printable(text, kMostRead);
  return {code, std::string(first_bytes(marked, kMaxUpstreamErrorText))};
}

}  // namespace

std::optional<UpstreamError> read_upstream_error(Bytes options, bool is_answer) {
  ByteReader reader(options);
  while (reader.remaining() >= 4) {
    const uint16_t option = reader.u16();
    ByteReader value(reader.bytes(reader.u16()));
    const Ede code = static_cast<Ede>(value.u16());
    if (reader.ok() && option == edns_option::kExtendedError && value.ok() &&
        (!is_answer || speaks_of_answer(code))) {
      return make_error(code, as_text(value.bytes(value.remaining())));
    }
  }
  return std::nullopt;
}

}  // namespace cenote
