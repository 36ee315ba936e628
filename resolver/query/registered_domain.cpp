#include "resolver/query/registered_domain.h"

#include <algorithm>
#include <array>

namespace cenote {
namespace {

constexpr size_t kMostSuffixLabels = 4;  // pvt.k12.ma.us

// "co.jp", with a '\0' behind it, of "\2co\2jp\0".
std::string_view write_text(Bytes wire, std::array<char, kMaxNameBytes + 1>& out) noexcept {
  size_t size = 0;
  for (size_t at = 0; wire[at] != 0; at += 1U + wire[at]) {
    if (size != 0) {
      out[size++] = '.';
    }
    const Bytes label = wire.subspan(at + 1, wire[at]);
    std::copy(label.begin(), label.end(), out.begin() + static_cast<ptrdiff_t>(size));
    size += label.size();
  }
  out[size] = '\0';
  return {out.data(), size};
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
