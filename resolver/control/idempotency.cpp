#include "resolver/control/idempotency.h"

#include <algorithm>

namespace cenote {
namespace {

constexpr std::chrono::hours kKept{24};

}  // namespace

Idempotency::Outcome Idempotency::begin(const std::string& key, const std::string& fingerprint,
                                        const HttpResponder& responder, MonoTime now) {
  forget_old(now);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= most_) {
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
  } else {
    entry.waiting.push_back(std::move(answer));
  }
  return Outcome::kAnswered;
}

void Idempotency::finish(const std::string& key, const HttpResponse& response) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    return;
  }
  Entry& entry = found->second;
  for (HttpResponder& waiting : entry.waiting) {
    waiting.respond(response);
  }
  entry.waiting.clear();
  if (response.status >= 500) {
    entries_.erase(found);
    std::erase(by_age_, key);
    return;
  }
  entry.is_answered = true;
  entry.response = response;
}

void Idempotency::forget_old(MonoTime now) {
  const auto may_go = [&](const std::string& key, bool is_needed) {
    const Entry& entry = entries_.at(key);
    return entry.is_answered && (is_needed || now - entry.made > kKept);
  };
  while (!by_age_.empty() && may_go(by_age_.front(), false)) {
    entries_.erase(by_age_.front());
    by_age_.pop_front();
  }
  if (entries_.size() < most_) {
    return;
  }
  // Full: the oldest answer goes early rather than a new change being refused.
  const auto oldest =
      std::find_if(by_age_.begin(), by_age_.end(), [&](const std::string& key) { return may_go(key, true); });
  if (oldest != by_age_.end()) {
    entries_.erase(*oldest);
    by_age_.erase(oldest);
  }
}

}  // namespace cenote
