#include "resolver/query/in_flight.h"

#include <algorithm>

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

// Whose question they followed has gone.
void orphan(const std::vector<SharedQuestions::Member>& followers) {
  for (const SharedQuestions::Member& follower : followers) {
    follower.worker->on_followed(follower.cookie, nullptr);
  }
}

}  // namespace

InFlight::InFlight(SharedQuestions& shared, Follower& worker) : shared_(shared), worker_(worker) {
  PublicSuffixes::system();  // is read now, and not when the first question waits
}

InFlight::~InFlight() {
  std::vector<uint64_t> all;
  groups_.for_each([&](Handle handle, const Group&) { all.push_back(to_cookie(handle)); });
  for (const uint64_t cookie : all) {
    drop(cookie);
  }
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

const InFlight::Group* InFlight::find(uint64_t cookie) {
  return groups_.find(to_handle(cookie));
}

SharedQuestions::Claim InFlight::claim(const CacheKey& key, size_t most_of_domain) {
  const uint64_t hash = key.hash();
  const auto claim = shared_.claim(
      key, hash, worker_, most_of_domain, [&] { return domain_of(key.name); },
      [&](uint64_t domain) {
        const Handle handle = groups_.add();
        Group& group = *groups_.find(handle);
        group.key = key;
        group.hash = hash;
        group.domain = domain;
        if (!spare_.empty()) {
          group.waiters = std::move(spare_.back());
          spare_.pop_back();
        }
        return to_cookie(handle);
      });
  if (claim.kind == SharedQuestions::Claim::Kind::kFirst) {
    groups_.find(to_handle(claim.cookie))->is_first = true;
  }
  return claim;
}

std::optional<InFlight::Joined> InFlight::join(const CacheKey& key, const Query& query,
                                               const WaitingBounds& bounds) {
  using Kind = SharedQuestions::Claim::Kind;
  const uint64_t client = client_of(query.path);
  if (!shared_.take_place(client, bounds.of_client)) {
    return std::nullopt;
  }
  const auto claim = this->claim(key, bounds.of_domain);
  Group* const group = groups_.find(to_handle(claim.cookie));
  const bool is_new = claim.kind == Kind::kFirst || claim.kind == Kind::kFollows;
  const auto has_place = [&] {
    if (waiting_ < kMostInAll) {
      return true;
    }
    const size_t held = bounds.is_exempt ? 1 : shared_.places_of(client) - 1;  // without this one's
    return make_room(query.looked_up, held, to_handle(claim.cookie));
  };
  const bool has_room =
      claim.kind != Kind::kTooMany && group->waiters.size() < kMostPerQuestion && has_place();
  if (!has_room) {
    shared_.give_place(client);
    if (is_new) {
      drop(claim.cookie);
    }
    return std::nullopt;
  }
  if (is_new) {
    group->asked = query.looked_up;
  }
  group->waiters.emplace_back(query, client, bounds.is_exempt);
  ++waiting_;
  return Joined{claim.cookie, claim.kind == Kind::kFirst, is_new};
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
    const size_t holds = first.is_exempt ? 1 : shared_.places_of(first.client);
    if (holds > most || (holds == most && group->asked <= oldest)) {
      chosen = handle;
      most = holds;
      oldest = group->asked;
    }
  }
  if (chosen) {
    displaced_.push_back(drop(to_cookie(*chosen)));
  }
  return chosen.has_value();
}

void InFlight::note_exchange(uint64_t cookie, Handle exchange) {
  if (Group* group = groups_.find(to_handle(cookie))) {
    group->exchange = exchange;
    group->is_outdated = false;
  }
}

void InFlight::keep_beginning(uint64_t cookie, std::unique_ptr<Beginning> beginning) {
  if (Group* group = groups_.find(to_handle(cookie))) {
    group->beginning = std::move(beginning);
  }
}

std::unique_ptr<InFlight::Beginning> InFlight::take_beginning(uint64_t cookie) {
  Group* const group = groups_.find(to_handle(cookie));
  return group != nullptr ? std::move(group->beginning) : nullptr;
}

std::optional<uint64_t> InFlight::start(const CacheKey& key, MonoTime now) {
  const auto claim = this->claim(key, SIZE_MAX);
  if (claim.kind == SharedQuestions::Claim::Kind::kFirst) {
    Group& group = *groups_.find(to_handle(claim.cookie));
    group.asked = now;
    leave_unattended(group);
    return claim.cookie;
  }
  if (claim.kind == SharedQuestions::Claim::Kind::kFollows) {
    drop(claim.cookie);
  }
  return std::nullopt;
}

void InFlight::leave_unattended(Group& group) noexcept {
  unattended_ += group.is_unattended ? 0 : 1;
  group.is_unattended = true;
}

bool InFlight::claim_again(uint64_t cookie) {
  Group* const group = groups_.find(to_handle(cookie));
  if (group == nullptr || group->is_first) {
    return false;
  }
  uint64_t domain = 0;
  const auto claim = shared_.claim(
      group->key, group->hash, worker_, SIZE_MAX, [&] { return domain = domain_of(group->key.name); },
      [&](uint64_t) { return cookie; });
  if (claim.kind == SharedQuestions::Claim::Kind::kFirst) {
    group->is_first = true;
    group->is_outdated = false;
    group->domain = domain;
    if (group->is_overdue) {
      shared_.set_overdue(question_of(*group));
    }
    return true;
  }
  // Somebody asked this worker the same in between: they wait together.
  if (Group* const other = groups_.find(to_handle(claim.cookie)); other != nullptr && other != group) {
    std::move(group->waiters.begin(), group->waiters.end(), std::back_inserter(other->waiters));
    unattended_ -= group->is_unattended ? 1 : 0;
    groups_.erase(to_handle(cookie));
  }
  return false;
}

bool InFlight::waits_since(MonoTime then) {
  bool waits = false;
  groups_.for_each(
      [&](Handle, const Group& group) { waits = waits || (!group.waiters.empty() && group.asked <= then); });
  return waits;
}

void InFlight::outdate() {
  groups_.for_each([](Handle, Group& group) { group.is_outdated = true; });
}

void InFlight::resign() {
  groups_.for_each([this](Handle handle, Group& group) {
    if (std::exchange(group.is_first, false)) {
      orphan(shared_.finish(question_of(group), {&worker_, to_cookie(handle)}));
    }
  });
}

void InFlight::forget(std::span<const WaitingQuery> waiters) {
  waiting_ -= waiters.size();
  for (const WaitingQuery& waiter : waiters) {
    shared_.give_place(waiter.client);
  }
}

bool InFlight::leave(const ReplyPath& path, uint64_t cookie) {
  Group* group = groups_.find(to_handle(cookie));
  if (group == nullptr || group->waiters.empty()) {
    return false;
  }
  std::vector<WaitingQuery>& waiters = group->waiters;
  const auto gone = std::stable_partition(waiters.begin(), waiters.end(), [&](const WaitingQuery& waiter) {
    return waiter.path.sink != path.sink || !(waiter.path.connection == path.connection);
  });
  forget({gone, waiters.end()});
  waiters.erase(gone, waiters.end());
  if (!waiters.empty()) {
    return false;
  }
  leave_unattended(*group);
  return true;
}

std::vector<WaitingQuery> InFlight::release(uint64_t cookie) {
  Group* group = groups_.find(to_handle(cookie));
  if (group == nullptr) {
    return {};
  }
  group->is_overdue = true;
  shared_.set_overdue(question_of(*group));
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

InFlight::Group InFlight::drop(uint64_t cookie) {
  Group group = take(cookie);
  orphan(std::exchange(group.followers, {}));
  return group;
}

InFlight::Group InFlight::take(uint64_t cookie) {
  const Handle handle = to_handle(cookie);
  Group* found = groups_.find(handle);
  if (found == nullptr) {
    return {};
  }
  Group group = std::move(*found);
  groups_.erase(handle);
  const SharedQuestions::Member self{&worker_, cookie};
  if (group.is_first) {
    group.followers = shared_.finish(question_of(group), self);
  } else {
    shared_.leave(question_of(group), self);
  }
  unattended_ -= group.is_unattended ? 1 : 0;
  forget(group.waiters);
  return group;
}

}  // namespace cenote
