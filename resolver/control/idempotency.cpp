#include "resolver/control/idempotency.h"

#include <algorithm>
#include <utility>

namespace cenote {
namespace {

constexpr std::chrono::hours kKept{24};
constexpr size_t kMostWaiting = 100;  // for one answer: who repeats does so a few times

}  // namespace

Idempotency::Outcome Idempotency::begin(const std::string& key, const std::string& fingerprint,
                                        const HttpResponder& responder, MonoTime now) {
  forget_old(now);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= most_ && !forget_one()) {
      return Outcome::kFull;
    }
    entries_[key] = {fingerprint, now, false, {}, {}};
    by_age_.push_back(key);
    return Outcome::kFirst;
  }
  Entry& entry = found->second;
  if (entry.fingerprint != fingerprint) {
    return Outcome::kMismatch;
  }
  HttpResponder answer = responder;
  if (entry.is_answered) {
    HttpResponse again = entry.response;
    again.headers.emplace_back("idempotent-replay", "true");
    answer.respond(std::move(again));
    return Outcome::kAnswered;
  }
  if (entry.waiting.size() >= kMostWaiting) {
    return Outcome::kFull;
  }
  entry.waiting.push_back(std::move(answer));
  return Outcome::kAnswered;
}

// An answer makes its connection go on, and with the next request it comes back here: the entry is settled,
// and let go of, before the first of those who wait hears of it.
void Idempotency::finish(const std::string& key, const HttpResponse& response) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    return;
  }
  Entry& entry = found->second;
  std::vector<HttpResponder> waiting = std::exchange(entry.waiting, {});
  if (response.status >= 500) {
    entries_.erase(found);
    std::erase(by_age_, key);
  } else {
    entry.is_answered = true;
    entry.response = response;
  }
  for (HttpResponder& one : waiting) {
    one.respond(response);
  }
}

void Idempotency::forget_old(MonoTime now) {
  while (!by_age_.empty()) {
    const Entry& oldest = entries_.at(by_age_.front());
    if (!oldest.is_answered || now - oldest.made <= kKept) {
      return;
    }
    entries_.erase(by_age_.front());
    by_age_.pop_front();
  }
}

// The oldest answer goes early rather than a new change being refused; false: all are under way.
bool Idempotency::forget_one() {
  const auto oldest = std::find_if(by_age_.begin(), by_age_.end(),
                                   [&](const std::string& key) { return entries_.at(key).is_answered; });
  if (oldest == by_age_.end()) {
    return false;
  }
  entries_.erase(*oldest);
  by_age_.erase(oldest);
  return true;
}

}  // namespace cenote
