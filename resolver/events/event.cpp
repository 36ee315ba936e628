#include "resolver/events/event.h"

#include <xxhash.h>

namespace cenote {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's base 32
constexpr int kCharacters = 10;

}  // namespace

IncidentId IncidentId::make(uint64_t key, const IpAddress& client, const Name& name, WallTime time) noexcept {
  const auto hour = static_cast<uint64_t>(unix_seconds(time) / 3600);
  uint64_t hash = XXH3_64bits_withSeed(name.wire().data(), name.size(), key);
  hash = XXH3_64bits_withSeed(client.bytes().data(), client.bytes().size(),
                              hash ^ (hour * 0x9E3779B97F4A7C15ULL));
  IncidentId id;
  id.value_ = hash >> (64 - 5 * kCharacters);
  return id;
}

std::optional<IncidentId> IncidentId::from_text(std::string_view text) noexcept {
  IncidentId id;
  int count = 0;
  for (char c : text) {
    if (c == '-' || c == ' ') {
      continue;
    }
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - ('a' - 'A'));
    }
    c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos || ++count > kCharacters) {
      return std::nullopt;
    }
    id.value_ = id.value_ << 5 | value;
  }
  return count == kCharacters ? std::optional(id) : std::nullopt;
}

ShortText<11> IncidentId::to_text() const noexcept {
  std::array<char, 11> text{};
  size_t at = 0;
  for (int i = kCharacters - 1; i >= 0; --i) {
    if (at == 5) {
      text[at++] = '-';
    }
    text[at++] = kAlphabet[(value_ >> (5 * i)) & 31];
  }
  return std::string_view(text.data(), text.size());
}

std::string_view to_text(Transport transport) noexcept {
  switch (transport) {
    case Transport::kUdp:
      return "udp";
    case Transport::kTcp:
      return "tcp";
    case Transport::kDot:
      return "dot";
    case Transport::kDoh:
      return "doh";
    case Transport::kHttp:
      return "http";
    case Transport::kHttps:
      return "https";
  }
  return "udp";
}

}  // namespace cenote
