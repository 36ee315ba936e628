#include "resolver/query/in_flight.h"

namespace cenote {
namespace {

// A question that so many wait for is an attack or an outage; more waiters would only cost memory.
constexpr size_t kMostPerQuestion = 1000;
constexpr size_t kMostInAll = 20'000;  // about 30 MiB of waiting queries

bool same(const CacheKey& a, const CacheKey& b) noexcept {
  return a.type == b.type && a.dnssec_ok == b.dnssec_ok && a.checking_disabled == b.checking_disabled &&
         a.partition == b.partition && a.name == b.name;
}

uint64_t to_cookie(Handle handle) noexcept {
  return (uint64_t{handle.index} << 32) | handle.generation;
}
Handle to_handle(uint64_t cookie) noexcept {
  return {static_cast<uint32_t>(cookie >> 32), static_cast<uint32_t>(cookie)};
}

}  // namespace

WaitingQuery::WaitingQuery(const Query& query) noexcept
    : path(query.path), message(query.message), asker(query.asker), verdict(query.verdict) {
  std::copy_n(query.packet.begin(), message.question_end, packet.begin());
}

std::optional<InFlight::Joined> InFlight::join(const CacheKey& key, const Query& query) {
  if (waiting_ >= kMostInAll) {
    return std::nullopt;
  }
  const uint64_t hash = key.hash();
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    Group* group = groups_.find(it->second);
    if (same(group->key, key)) {
      if (group->waiters.size() >= kMostPerQuestion) {
        return std::nullopt;
      }
      group->waiters.emplace_back(query);
      ++waiting_;
      return Joined{to_cookie(it->second), false};
    }
  }
  Group group{key, {}};
  group.waiters.emplace_back(query);
  const Handle handle = groups_.insert(std::move(group));
  by_hash_.emplace(hash, handle);
  ++waiting_;
  return Joined{to_cookie(handle), true};
}

InFlight::Group InFlight::take(uint64_t cookie) {
  const Handle handle = to_handle(cookie);
  Group* found = groups_.find(handle);
  if (found == nullptr) {
    return {};
  }
  Group group = std::move(*found);
  groups_.erase(handle);
  const auto [first, last] = by_hash_.equal_range(group.key.hash());
  for (auto it = first; it != last; ++it) {
    if (it->second == handle) {
      by_hash_.erase(it);
      break;
    }
  }
  waiting_ -= group.waiters.size();
  return group;
}

}  // namespace cenote
