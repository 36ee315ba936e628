#include "resolver/query/shared_questions.h"

#include <algorithm>

namespace cenote {
namespace {

bool same(const CacheKey& a, const CacheKey& b) noexcept {
  return a.type == b.type && a.dnssec_ok == b.dnssec_ok && a.checking_disabled == b.checking_disabled &&
         a.partition == b.partition && a.name == b.name;
}

}  // namespace

const SharedQuestions::Member* SharedQuestions::UnderWay::find(const Follower& worker) const noexcept {
  if (first.worker == &worker) {
    return &first;
  }
  const auto found = std::find_if(followers.begin(), followers.end(),
                                  [&](const Member& member) { return member.worker == &worker; });
  return found != followers.end() ? &*found : nullptr;
}

SharedQuestions::UnderWay* SharedQuestions::Shard::find(const CacheKey& key, uint64_t hash) noexcept {
  const Handle* handle = by_hash.find(hash);
  UnderWay* const under_way = handle != nullptr ? questions.find(*handle) : nullptr;
  return under_way != nullptr && same(under_way->key, key) ? under_way : nullptr;
}

void SharedQuestions::Shard::add(const CacheKey& key, uint64_t hash, const Member& first) {
  if (by_hash.find(hash) != nullptr) {
    return;
  }
  const Handle handle = questions.add();
  UnderWay& under_way = *questions.find(handle);
  under_way.key = key;
  under_way.first = first;
  by_hash[hash] = handle;
}

std::vector<SharedQuestions::Member> SharedQuestions::finish(const Question& question, const Member& first) {
  give(domains_, question.domain);
  Shard& shard = shard_of(question.hash);
  const std::lock_guard lock(shard.mutex);
  UnderWay* const under_way = shard.find(question.key, question.hash);
  if (under_way == nullptr || !(under_way->first == first)) {
    return {};
  }
  std::vector<Member> followers = std::move(under_way->followers);
  shard.questions.erase(*shard.by_hash.find(question.hash));
  shard.by_hash.erase(question.hash);
  return followers;
}

void SharedQuestions::leave(const Question& question, const Member& follower) {
  Shard& shard = shard_of(question.hash);
  const std::lock_guard lock(shard.mutex);
  if (UnderWay* const under_way = shard.find(question.key, question.hash)) {
    std::erase(under_way->followers, follower);
  }
}

void SharedQuestions::set_overdue(const Question& question) {
  Shard& shard = shard_of(question.hash);
  const std::lock_guard lock(shard.mutex);
  if (UnderWay* const under_way = shard.find(question.key, question.hash)) {
    under_way->is_overdue = true;
  }
}

bool SharedQuestions::is_overdue(const CacheKey& key, uint64_t hash) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const UnderWay* const under_way = shard.find(key, hash);
  return under_way != nullptr && under_way->is_overdue;
}

size_t SharedQuestions::places_of(uint64_t client) noexcept {
  Counts& counts = clients_[(client >> kShardBits) % kShards];
  const std::lock_guard lock(counts.mutex);
  const size_t* const count = counts.of.find(client);
  return count != nullptr ? *count : 0;
}

bool SharedQuestions::take(AllCounts& all, uint64_t key, size_t most) {
  Counts& counts = all[(key >> kShardBits) % kShards];
  const std::lock_guard lock(counts.mutex);
  size_t& count = counts.of[key];
  if (count >= most) {
    if (count == 0) {
      counts.of.erase(key);
    }
    return false;
  }
  ++count;
  return true;
}

void SharedQuestions::give(AllCounts& all, uint64_t key) noexcept {
  Counts& counts = all[(key >> kShardBits) % kShards];
  const std::lock_guard lock(counts.mutex);
  size_t* const count = counts.of.find(key);
  if (count != nullptr && --*count == 0) {
    counts.of.erase(key);
  }
}

}  // namespace cenote
