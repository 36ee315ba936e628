#include "resolver/query/in_flight.h"

#include <xxhash.h>

#include "resolver/base/random.h"
#include "resolver/query/registered_domain.h"

namespace cenote {
namespace {

// A question that so many wait for is an attack or an outage; more waiters would only cost memory.
constexpr size_t kMostPerQuestion = 1000;
constexpr size_t kMostInAll = 20'000;  // about 30 MiB of waiting queries
// Most answers come sooner than this: whoever has waited longer makes room for others when all places are
// taken, as in unbound ("jostle-timeout"). A flood that shall keep others out must then fill all places five
// times a second, from however many forged addresses.
constexpr milliseconds kRunToCompletion{200};
constexpr size_t kLookedAt = 32;    // for somebody who makes room
constexpr size_t kMostSpare = 256;  // of what is kept for the next questions: 0.2 MiB, most have one
constexpr size_t kMostInSpare = 4;

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

// Keyed per process: nobody outside can choose addresses or domains that are counted as one, or that fall
// into one place of a table.
const uint64_t kHashKey = Random().u64();

uint64_t client_of(const ReplyPath& path) noexcept {
  const IpAddress address = path.client().address();
  const Bytes bytes = address.host_bytes();
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kHashKey);
}

uint64_t domain_of(const Name& name) noexcept {
  const Bytes wire = registered_domain(name, PublicSuffixes::system());
  return XXH3_64bits_withSeed(wire.data(), wire.size(), kHashKey);
}

}  // namespace

InFlight::InFlight() {
  PublicSuffixes::system();  // is read now, and not when the first question waits
}

WaitingQuery::WaitingQuery(const Query& query, uint64_t counted_by, bool exempt) noexcept
    : path(query.path),
      message(query.message),
      asker(query.asker),
      clear_under(query.clear_under),
      client(counted_by),
      is_exempt(exempt) {
  std::copy_n(query.packet.begin(), message.question_end, packet.begin());
}

InFlight::Group* InFlight::lookup(const CacheKey& key, uint64_t hash, Handle& handle) {
  const Handle* found = by_hash_.find(hash);
  if (found == nullptr) {
    return nullptr;
  }
  handle = *found;
  Group* group = groups_.find(handle);
  return same(group->key, key) ? group : nullptr;
}

const InFlight::Group* InFlight::find(const CacheKey& key) {
  Handle handle;
  return lookup(key, key.hash(), handle);
}

const InFlight::Group* InFlight::find(uint64_t cookie) {
  return groups_.find(to_handle(cookie));
}

Handle InFlight::insert(const CacheKey& key, uint64_t hash, uint64_t domain) {
  const Handle handle = groups_.add();
  Group& group = *groups_.find(handle);
  group.key = key;
  group.hash = hash;
  group.domain = domain;
  ++by_domain_[group.domain];
  if (!spare_.empty()) {
    group.waiters = std::move(spare_.back());
    spare_.pop_back();
  }
  if (by_hash_.find(hash) == nullptr) {
    by_hash_[hash] = handle;
  }
  return handle;
}

std::optional<InFlight::Joined> InFlight::join(const CacheKey& key, const Query& query,
                                               const WaitingBounds& bounds) {
  const uint64_t client = client_of(query.path);
  const size_t* of_client = by_client_.find(client);
  const size_t held = of_client != nullptr ? *of_client : 0;
  if (held >= bounds.of_client) {
    return std::nullopt;
  }
  Handle handle;
  const uint64_t hash = key.hash();
  Group* group = lookup(key, hash, handle);
  const bool is_first = group == nullptr;
  const uint64_t domain = is_first ? domain_of(key.name) : 0;
  if (is_first) {
    const size_t* of_domain = by_domain_.find(domain);
    if (of_domain != nullptr && *of_domain >= bounds.of_domain) {
      return std::nullopt;
    }
  } else if (group->waiters.size() >= kMostPerQuestion) {
    return std::nullopt;
  }
  if (waiting_ >= kMostInAll && !make_room(query.looked_up, bounds.is_exempt ? 1 : held, handle)) {
    return std::nullopt;
  }
  if (is_first) {
    handle = insert(key, hash, domain);
    group = groups_.find(handle);
    group->asked = query.looked_up;
  }
  group->waiters.emplace_back(query, client, bounds.is_exempt);
  ++by_client_[client];
  ++waiting_;
  return Joined{to_cookie(handle), is_first};
}

// Looks at some questions in turn, and takes of those who have waited long enough the one whose client holds
// most places, the oldest of equals. Behind an exempt client stand many people: each of its questions is
// taken for one of theirs. `joined`: stays. False: nobody makes room for a client that holds so many.
bool InFlight::make_room(MonoTime now, size_t held, Handle joined) {
  std::optional<Handle> chosen;
  size_t most = held;
  MonoTime oldest = now - kRunToCompletion;
  for (size_t i = 0; i < std::min(kLookedAt, groups_.places()); ++i) {
    hand_ = (hand_ + 1) % groups_.places();
    const auto handle = groups_.at_place(hand_);
    const Group* group = handle && !(*handle == joined) ? groups_.find(*handle) : nullptr;
    if (group == nullptr || group->waiters.empty() || group->is_outdated ||
        group->asked > now - kRunToCompletion) {
      continue;
    }
    const WaitingQuery& first = group->waiters.front();
    const size_t* count = by_client_.find(first.client);
    const size_t holds = first.is_exempt ? 1 : count != nullptr ? *count : 0;
    if (holds > most || (holds == most && group->asked <= oldest)) {
      chosen = handle;
      most = holds;
      oldest = group->asked;
    }
  }
  if (chosen) {
    displaced_.push_back(take(to_cookie(*chosen)));
  }
  return chosen.has_value();
}

void InFlight::note_exchange(uint64_t cookie, Handle exchange) {
  if (Group* group = groups_.find(to_handle(cookie))) {
    group->exchange = exchange;
  }
}

std::optional<uint64_t> InFlight::start(const CacheKey& key) {
  Handle handle;
  const uint64_t hash = key.hash();
  if (lookup(key, hash, handle) != nullptr) {
    return std::nullopt;
  }
  const Handle started = insert(key, hash, domain_of(key.name));
  leave_unattended(*groups_.find(started));
  return to_cookie(started);
}

void InFlight::leave_unattended(Group& group) noexcept {
  unattended_ += group.is_unattended ? 0 : 1;
  group.is_unattended = true;
}

void InFlight::count_down(Counts& counts, uint64_t key) noexcept {
  size_t* count = counts.find(key);
  if (count != nullptr && --*count == 0) {
    counts.erase(key);
  }
}

void InFlight::forget(const std::vector<WaitingQuery>& waiters) {
  waiting_ -= waiters.size();
  for (const WaitingQuery& waiter : waiters) {
    count_down(by_client_, waiter.client);
  }
}

std::vector<WaitingQuery> InFlight::release(uint64_t cookie) {
  Group* group = groups_.find(to_handle(cookie));
  if (group == nullptr) {
    return {};
  }
  group->is_overdue = true;
  leave_unattended(*group);
  forget(group->waiters);
  return std::exchange(group->waiters, {});
}

void InFlight::recycle(std::vector<WaitingQuery> waiters) {
  const size_t room = waiters.capacity();
  if (spare_.size() < kMostSpare && room != 0 && room <= kMostInSpare) {
    waiters.clear();
    spare_.push_back(std::move(waiters));
  }
}

void InFlight::outdate(const std::function<bool(uint16_t)>& is_guarded) {
  by_hash_.clear();
  groups_.for_each([&](Handle, Group& group) {
    group.is_guarded = group.is_outdated ? group.is_guarded : is_guarded(group.key.partition);
    group.is_outdated = true;
  });
}

InFlight::Group InFlight::take(uint64_t cookie) {
  const Handle handle = to_handle(cookie);
  Group* found = groups_.find(handle);
  if (found == nullptr) {
    return {};
  }
  Group group = std::move(*found);
  groups_.erase(handle);
  if (const Handle* known = by_hash_.find(group.hash); known != nullptr && *known == handle) {
    by_hash_.erase(group.hash);
  }
  count_down(by_domain_, group.domain);
  unattended_ -= group.is_unattended ? 1 : 0;
  forget(group.waiters);
  return group;
}

}  // namespace cenote
