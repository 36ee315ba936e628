#include "resolver/query/registered_domain.h"

#include <algorithm>
#include <array>

namespace cenote {
namespace {

constexpr size_t kMostSuffixLabels = 4;  // pvt.k12.ma.us

// "co.jp", with a '\0' behind it, of "\2co\2jp\0".
std::string_view write_text(Bytes wire, std::array<char, kMaxNameBytes + 1>& out) noexcept {
  const Bytes text = wire.subspan(1);  // without the first length, and with each other one as a dot
  std::copy(text.begin(), text.end(), out.begin());
  for (size_t at = wire[0]; text[at] != 0; at += 1U + text[at]) {
    out[at] = '.';
  }
  return {out.data(), text.size() - 1};
}

}  // namespace

Bytes registered_domain(const Name& name, const PublicSuffixes& suffixes) noexcept {
  const NameLabels labels(name);
  const auto last = [&](size_t count) {
    return count >= labels.count() ? name.wire() : name.wire().subspan(labels.offset(labels.count() - count));
  };
  std::array<char, kMaxNameBytes + 1> text;
  const size_t most = std::min(kMostSuffixLabels, std::max<size_t>(labels.count(), 1) - 1);
  for (size_t count = most; count >= 2; --count) {  // One label is a suffix in any case.
    if (suffixes.kind(write_text(last(count), text)) == PublicSuffixes::Kind::kIcann) {
      return last(count + 1);
    }
  }
  return last(2);
}

}  // namespace cenote
