#include "resolver/query/local_names.h"

#include <algorithm>

#include <fmt/format.h>
#include <xxhash.h>

namespace cenote {
namespace {

// NXDOMAIN is what Firefox reads as "leave DNS to the network" (support.mozilla.org, "Canary domain"), and
// what Apple documents for Private Relay.
constexpr std::array<const char*, 3> kCanaries{"use-application-dns.net", "mask.icloud.com",
                                               "mask-h2.icloud.com"};

// RFC 6303 section 4: addresses that mean something else at every site.
constexpr std::array<const char*, 30> kReverseZones{"10.in-addr.arpa",
                                                    "168.192.in-addr.arpa",
                                                    "0.in-addr.arpa",
                                                    "127.in-addr.arpa",
                                                    "254.169.in-addr.arpa",
                                                    "2.0.192.in-addr.arpa",
                                                    "100.51.198.in-addr.arpa",
                                                    "113.0.203.in-addr.arpa",
                                                    "255.255.255.255.in-addr.arpa",
                                                    "d.f.ip6.arpa",
                                                    "8.e.f.ip6.arpa",
                                                    "9.e.f.ip6.arpa",
                                                    "a.e.f.ip6.arpa",
                                                    "b.e.f.ip6.arpa",
                                                    "8.b.d.0.1.0.0.2.ip6.arpa",
                                                    "16.172.in-addr.arpa",
                                                    "17.172.in-addr.arpa",
                                                    "18.172.in-addr.arpa",
                                                    "19.172.in-addr.arpa",
                                                    "20.172.in-addr.arpa",
                                                    "21.172.in-addr.arpa",
                                                    "22.172.in-addr.arpa",
                                                    "23.172.in-addr.arpa",
                                                    "24.172.in-addr.arpa",
                                                    "25.172.in-addr.arpa",
                                                    "26.172.in-addr.arpa",
                                                    "27.172.in-addr.arpa",
                                                    "28.172.in-addr.arpa",
                                                    "29.172.in-addr.arpa",
                                                    "30.172.in-addr.arpa"};

std::string_view last_label(const Name& name) noexcept {
  if (name.is_root()) {
    return {};
  }
  const Bytes wire = name.wire();
  size_t last = 0;
  for (size_t at = 0; wire[at] != 0; at += size_t{1} + wire[at]) {
    last = at;
  }
  return as_text(wire.subspan(last));
}

// REQUIRES: a whole last label, its length byte in front.
uint64_t bit_of(std::string_view last) noexcept {
  return uint64_t{1} << ((static_cast<uint8_t>(last[0]) * 7U + static_cast<uint8_t>(last[1])) % 64);
}

}  // namespace

size_t LocalNames::NameHash::operator()(const Name& name) const noexcept {
  return XXH3_64bits(name.wire().data(), name.size());
}

LocalNames::LocalNames(const NamesSettings& settings) {
  for (const LocalRecord& record : settings.records) {
    records_[record.owner].push_back(record);
  }
  if (settings.special) {
    add_zone("localhost", Kind::kLoopback);
    add_zone("invalid", Kind::kNothing);       // RFC 6761 section 6.4
    add_zone("onion", Kind::kNothing);         // RFC 7686 section 2
    add_zone("alt", Kind::kNothing);           // RFC 9476 section 3
    add_zone("local", Kind::kNothing);         // RFC 6762 section 22.1
    add_zone("home.arpa", Kind::kEmptyZone);   // RFC 8375 section 4
    add_zone("resolver.arpa", Kind::kNoData);  // RFC 9462 section 4
    add_reverse_zones();
  }
  if (settings.canaries) {
    for (const char* canary : kCanaries) {
      canaries_.push_back(*Name::from_text(canary));
    }
  }
}

void LocalNames::add_zone(std::string_view text, Kind kind) {
  const Name name = *Name::from_text(text);
  zones_.emplace(name, kind);
  const std::string label(last_label(name));
  last_label_bits_ |= bit_of(label);
  if (std::find(last_labels_.begin(), last_labels_.end(), label) == last_labels_.end()) {
    last_labels_.push_back(label);
  }
}

void LocalNames::add_reverse_zones() {
  for (const char* zone : kReverseZones) {
    add_zone(zone, Kind::kEmptyZone);
  }
  add_zone("31.172.in-addr.arpa", Kind::kEmptyZone);
  for (int i = 64; i < 128; ++i) {  // RFC 7793: the space between carriers and their customers
    add_zone(fmt::format("{}.100.in-addr.arpa", i), Kind::kEmptyZone);
  }
  std::string zeros = "ip6.arpa";
  for (int i = 0; i < 31; ++i) {
    zeros.insert(0, "0.");
  }
  add_zone("0." + zeros, Kind::kEmptyZone);  // ::
  add_zone("1." + zeros, Kind::kEmptyZone);  // ::1
}

LocalNames::Match LocalNames::find(const Name& name) const noexcept {
  if (!records_.empty()) {
    if (const auto found = records_.find(name); found != records_.end()) {
      return {Kind::kRecords, name, &found->second};
    }
  }
  for (const Name& canary : canaries_) {
    if (name.size() >= canary.size() && name.is_at_or_below(canary)) {
      return {Kind::kNothing, canary, nullptr};
    }
  }
  const std::string_view last = last_label(name);
  if (last.empty() || (last_label_bits_ & bit_of(last)) == 0 ||
      std::find(last_labels_.begin(), last_labels_.end(), last) == last_labels_.end()) {
    return {};
  }
  for (size_t labels = name.label_count(); labels > 0; --labels) {
    const Name zone = name.suffix(labels);
    if (const auto found = zones_.find(zone); found != zones_.end()) {
      return {found->second, zone, nullptr};
    }
  }
  return {};
}

}  // namespace cenote
