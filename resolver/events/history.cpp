#include "resolver/events/history.h"

#include <algorithm>
#include <array>

#include <xxhash.h>

#include "resolver/base/random.h"

namespace cenote {
namespace {

bool is_asked_for(const HitQuery& query, const EventView& event) {
  return (!query.client || query.client->contains(event.client)) &&
         (query.client_name.empty() || is_client_of(query.client_name, event.client_name)) &&
         (!query.name || Name::from_wire(event.name).value_or(Name()).is_at_or_below(*query.name)) &&
         (!query.since || event.time >= *query.since);
}

// An IPv6 host has as many addresses as it likes: its network has one share.
uint64_t owner_of(const IpAddress& client) {
  const Bytes host = client.host_bytes();
  return XXH3_64bits(host.data(), host.size());
}

}  // namespace

History::History(size_t capacity) : capacity_(capacity), hash_key_(Random().u64()) {}

uint64_t History::hash_of(const IpAddress& client, Bytes name) const {
  std::array<uint8_t, 16 + kMaxNameBytes> bytes{};
  const Bytes address = client.bytes();
  auto end = std::copy(address.begin(), address.end(), bytes.begin());
  end = std::transform(name.begin(), name.end(), end,
                       [](uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte; });
  const uint64_t hash =
      XXH3_64bits_withSeed(bytes.data(), static_cast<size_t>(end - bytes.begin()), hash_key_);
  return std::max<uint64_t>(hash, 1);
}

void History::add(std::span<const PackedEvent> events) {
  const std::lock_guard lock(mutex_);
  for (const PackedEvent event : events) {
    keep(event);
    if (events_.size() > capacity_) {
      drop_one();
    }
  }
}

void History::keep(PackedEvent event) {
  const EventView view = event.view();
  const uint64_t owner = owner_of(view.client);
  Numbers& numbers = numbers_[owner];
  if (!numbers.empty()) {
    shares_.erase(share_of(owner, numbers));
  }
  numbers.push_back(++last_);
  shares_.insert(share_of(owner, numbers));
  const Bytes bytes = event.bytes();
  auto packed = std::make_unique<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), packed.get());
  const uint64_t asked = view.type == 0 ? 0 : hash_of(view.client, view.name);
  events_.emplace_hint(events_.end(), last_, Kept{asked, std::move(packed)});
  if (asked != 0) {
    newest_[asked] = last_;
  }
}

void History::drop_one() {
  const auto largest = std::prev(shares_.end());
  const uint64_t owner = std::get<2>(*largest);
  const auto found = numbers_.find(owner);
  shares_.erase(largest);
  const auto kept = events_.find(found->second.front());
  if (const auto newest = newest_.find(kept->second.asked);
      newest != newest_.end() && newest->second == kept->first) {
    newest_.erase(newest);
  }
  events_.erase(kept);
  found->second.pop_front();
  if (found->second.empty()) {
    numbers_.erase(found);
  } else {
    shares_.insert(share_of(owner, found->second));
  }
}

void History::add(const EventView& event) {
  alignas(PackedEvent::kAlignment) std::array<uint8_t, PackedEvent::kMostBytes> bytes;
  PackedEvent::pack(event, bytes.data());
  const PackedEvent packed(bytes.data());
  add(std::span(&packed, 1));
}

std::vector<NumberedEvent> History::find(const HitQuery& query) const {
  std::vector<NumberedEvent> found;
  const std::lock_guard lock(mutex_);
  for (auto kept = events_.rbegin(); kept != events_.rend() && found.size() < query.limit; ++kept) {
    if (kept->first <= query.after) {
      break;
    }
    if (const EventView event = kept->second.view(); is_asked_for(query, event)) {
      found.push_back({kept->first, Event(event)});
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::optional<History::Found> History::find_incident(IncidentId id) const {
  std::optional<Found> found;
  const std::lock_guard lock(mutex_);
  for (auto kept = events_.rbegin(); kept != events_.rend(); ++kept) {
    const EventView event = kept->second.view();
    if (event.incident == id) {
      if (!found) {
        found = Found{{kept->first, Event(event)}, event.time, 0};
      }
      found->first = std::min(found->first, event.count > 1 ? event.first : event.time);
      found->hits += event.count;
    }
  }
  return found;
}

std::optional<Event> History::find_recent(const IpAddress& client, const Name& name, WallTime since) const {
  const uint64_t asked = hash_of(client, name.wire());
  const std::lock_guard lock(mutex_);
  const auto newest = newest_.find(asked);
  if (newest == newest_.end()) {
    return std::nullopt;
  }
  const EventView event = events_.at(newest->second).view();
  const bool is_it = is_same_name(event.name, name.wire()) && event.client == client && event.time >= since;
  return is_it ? std::optional(Event(event)) : std::nullopt;
}

uint64_t History::last_number() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace cenote
