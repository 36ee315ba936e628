#include "resolver/events/condenser.h"

#include <algorithm>

#include <xxhash.h>

#include "resolver/base/log.h"
#include "resolver/base/random.h"

namespace cenote {
namespace {

constexpr seconds kWarnsEvery{60};
constexpr uint64_t kOtherClients = 0;  // the key of all that find no place

uint64_t hash(Bytes bytes, uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace

// The seed is secret, so nobody can make two hits look like one.
Condenser::Condenser(uint64_t rate) : rate_(rate), seed_(Random().u64()) {}

void Condenser::Pending::add(PackedEvent event) {
  if (count++ == 0) {
    first = event.view().time;
  }
  const Bytes bytes = event.bytes();
  newest.assign(bytes.begin(), bytes.end());
}

// What two hits must share to be counted together: all but time, port and generation.
uint64_t Condenser::key_of(const EventView& event) const noexcept {
  const VerdictFacts& verdict = event.verdict;
  const std::array<uint8_t, 8> facts{static_cast<uint8_t>(event.type >> 8),
                                     static_cast<uint8_t>(event.type),
                                     static_cast<uint8_t>(event.transport),
                                     static_cast<uint8_t>(verdict.action),
                                     static_cast<uint8_t>(verdict.match),
                                     static_cast<uint8_t>(verdict.scope),
                                     verdict.depth,
                                     verdict.confidence};
  uint64_t key = hash(event.name, seed_ ^ event.incident.value());
  key = hash(event.client.bytes(), key);
  key = hash(as_bytes(event.client_name), key);
  key = hash(verdict.is_about_address() ? event.address.bytes() : event.matched, key);
  key = hash(as_bytes(event.feed), key);
  return hash(facts, key);
}

uint64_t Condenser::key_of(const IpAddress& client) const noexcept {
  return hash(client.host_bytes(), seed_);
}

bool Condenser::take(PackedEvent event, MonoTime now) {
  const EventView view = event.view();
  const uint64_t key = key_of(view);
  const auto known = repeats_.find(key);
  if (known != repeats_.end()) {
    known->second.add(event);
    condensed_.add();
    return false;
  }
  if (rate_ != 0 && !is_within_rate(event, view.client, now)) {
    condensed_.add();
    omitted_.add();
    return false;
  }
  if (repeats_.size() < kMostRepeats) {
    repeats_.emplace(key, Pending());
    due_.push_back({now + kCounts, key, false});
  }
  return true;
}

Condenser::Client& Condenser::client_of(const IpAddress& client, MonoTime now) {
  uint64_t key = key_of(client);
  if (clients_.size() >= kMostClients && !clients_.contains(key)) {
    key = kOtherClients;
  }
  const auto [found, is_new] = clients_.try_emplace(key);
  if (is_new) {
    found->second.left = rate_ * kBurstSeconds;
    found->second.counted = now;
  }
  return found->second;
}

bool Condenser::is_within_rate(PackedEvent event, const IpAddress& address, MonoTime now) {
  Client& client = client_of(address, now);
  const auto passed = std::chrono::duration_cast<seconds>(now - client.counted);
  if (passed.count() > 0) {
    const uint64_t earned = rate_ * std::min<uint64_t>(kBurstSeconds, static_cast<uint64_t>(passed.count()));
    client.left = std::min(rate_ * kBurstSeconds, client.left + earned);
    client.counted += passed;
  }
  if (client.left != 0) {
    --client.left;
    return true;
  }
  if (client.over.count == 0) {
    const uint64_t key = key_of(address);
    due_.push_back({now + kCounts, clients_.contains(key) ? key : kOtherClients, true});
    warn_of(address, now);
  }
  client.over.add(event);
  return false;
}

void Condenser::warn_of(const IpAddress& client, MonoTime now) {
  if (warned_ == MonoTime() || now - warned_ >= kWarnsEvery) {
    warned_ = now;
    log::warn(
        "events: {} has more than {} different hits a second (events.rate): its further ones are counted "
        "only",
        client.to_text(), rate_);
  }
}

void Condenser::give(MonoTime now, const Record& record) {
  while (!due_.empty() && due_.front().when <= now) {
    const Due due = due_.front();
    due_.pop_front();
    due.is_client ? give_over(clients_.find(due.key)->second.over, record)
                  : give_repeats(due.key, now, record);
  }
  if (now - looked_for_idle_ >= kCounts) {
    looked_for_idle_ = now;
    forget_idle(now);
  }
}

// Who goes on is counted on, who has stopped is forgotten.
void Condenser::give_repeats(uint64_t key, MonoTime now, const Record& record) {
  const auto found = repeats_.find(key);
  if (found->second.count == 0) {
    repeats_.erase(found);
    return;
  }
  give_repeats(found->second, record);
  due_.push_back({now + kCounts, key, false});
}

void Condenser::give_repeats(Pending& pending, const Record& record) {
  EventView event = PackedEvent(pending.newest.data()).view();
  event.count = pending.count;
  event.first = pending.first;
  record(event);
  pending.count = 0;
}

void Condenser::give_over(Pending& over, const Record& record) {
  EventView event = PackedEvent(over.newest.data()).view();
  event.omitted = over.count - 1;  // this one has its event now
  event.first = over.first;
  record(event);
  over = {};
}

void Condenser::give_all(const Record& record) {
  for (auto& [key, pending] : repeats_) {
    if (pending.count != 0) {
      give_repeats(pending, record);
    }
  }
  for (auto& [key, client] : clients_) {
    if (client.over.count != 0) {
      give_over(client.over, record);
    }
  }
}

// With as much left as a new client has, and nothing to tell.
void Condenser::forget_idle(MonoTime now) {
  std::erase_if(clients_, [&](const auto& entry) {
    return entry.second.over.count == 0 && now - entry.second.counted >= seconds(kBurstSeconds);
  });
}

}  // namespace cenote
