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

Event::Event(const EventView& view) noexcept
    : time(view.time),
      client(view.client, view.client_port),
      client_name(view.client_name),
      transport(view.transport),
      type(view.type),
      name(Name::from_wire(view.name).value_or(Name())),
      incident(view.incident),
      group(view.group),
      count(view.count),
      omitted(view.omitted),
      first(view.first) {
  static_cast<VerdictFacts&>(verdict) = view.verdict;
  verdict.matched = Name::from_wire(view.matched).value_or(Name());
  verdict.address = view.address;
  verdict.feed = view.feed;
  verdict.category = view.category;
  verdict.threat = view.threat;
  verdict.reference = view.reference;
}

Event::operator EventView() const noexcept {
  EventView view(verdict);
  view.time = time;
  view.incident = incident;
  view.client = client.address();
  view.client_port = client.port();
  view.transport = transport;
  view.type = type;
  view.client_name = client_name;
  view.name = name.wire();
  view.group = group;
  view.count = count;
  view.omitted = omitted;
  view.first = first;
  return view;
}

}  // namespace cenote
