#include "blockpage/indirect_blocks.h"

#include <algorithm>

namespace cenote {

bool IndirectBlocks::ByHost::operator()(const IpAddress& a, const IpAddress& b) const noexcept {
  const Bytes left = a.host_bytes();
  const Bytes right = b.host_bytes();
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
}

void IndirectBlocks::note(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_client_.find(event.client.address()); found != by_client_.end()) {
    const std::deque<Events::iterator>& of_client = found->second;
    const auto same = std::find_if(of_client.rbegin(), of_client.rend(), [&](Events::iterator one) {
      return one->name == event.name && one->client.address() == event.client.address();
    });
    if (same != of_client.rend()) {
      drop(*same);
    } else if (of_client.size() >= kMostOfOne) {
      forget_oldest(event, of_client.front());
    }
  }
  if (events_.size() >= kMost) {
    forget_oldest(event, events_.begin());
  }
  const auto added = events_.insert(events_.end(), event);
  by_client_[event.client.address()].push_back(added);
}

void IndirectBlocks::forget_oldest(const Event& for_this, Events::iterator oldest) {
  dropped_ += for_this.time - oldest->time < kHitExplains ? 1U : 0U;
  drop(oldest);
}

void IndirectBlocks::drop(Events::iterator event) {
  const auto of_client = by_client_.find(event->client.address());
  std::erase(of_client->second, event);
  if (of_client->second.empty()) {
    by_client_.erase(of_client);
  }
  events_.erase(event);
}

std::optional<Event> IndirectBlocks::find(const IpAddress& client, const Name& host, WallTime time) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) {
    return std::nullopt;
  }
  for (const Events::iterator event : found->second) {
    if (event->name == host && event->client.address() == client) {
      return time - event->time <= kHitExplains ? std::optional(*event) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::vector<Event> IndirectBlocks::find(const Name& host, WallTime time) const {
  std::vector<Event> hits;
  const std::lock_guard lock(mutex_);
  for (const Event& event : events_) {
    if (event.name == host && time - event.time <= kHitExplains) {
      hits.push_back(event);
    }
  }
  return hits;
}

uint64_t IndirectBlocks::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

size_t IndirectBlocks::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

bool is_still_blocked(const Policy& policy, const Event& hit, WallTime time) {
  const IpAddress client = hit.client.address();
  const Policy::Asker asker{client, policy.clients().group_of(client, hit.client_name), unix_seconds(time)};
  if (policy.decide(hit.name, asker).excepted) {
    return false;
  }
  return (hit.verdict.is_about_address() ? policy.decide(hit.verdict.address, asker)
                                         : policy.decide(hit.verdict.matched, asker))
      .blocks();
}

}  // namespace cenote
