// The pipeline's queries that wait for an upstream: asking, waiting, and answering them all at once.
#include "resolver/query/pipeline.h"

namespace cenote {
namespace {

constexpr std::string_view kTooMany = "too many questions are waiting";

}  // namespace

Pipeline::Step Pipeline::ask_upstream(Query& query) noexcept {
  if (!query.message.recursion_desired()) {
    return done(error(query, Rcode::kRefused, Ede::kNotAuthoritative, "recursion was not asked for"));
  }
  const CacheKey& key = query.key;
  const MonoTime now = loop_.now();
  AnswerCache::Entry* stale = query.has_stale ? parts_.cache.find_stale(key, now) : nullptr;
  if (stale != nullptr && in_flight_.is_overdue(key)) {
    return done(answer_from_entry(query, *stale, now));
  }
  const bool exempt = is_exempt(query.asker.address);
  const auto joined = in_flight_.join(key, query,
                                      {exempt ? SIZE_MAX : parts_.admission.client_waiting,
                                       exempt ? SIZE_MAX : parts_.admission.domain_waiting, exempt});
  if (!joined) {
    counters_.overloaded.add();
    return done(stale != nullptr ? answer_from_entry(query, *stale, now)
                                 : error(query, Rcode::kServFail, Ede::kOther, kTooMany));
  }
  if (in_flight_.has_displaced()) {
    dismiss_displaced();
  }
  if (joined->is_first && (query.known = parts_.cache.find(key, now)) != nullptr) {
    in_flight_.drop(joined->cookie);  // another worker's answer came since the look-up
    return answer_from_cache(query);
  }
  ++promised_;
  last_promise_ = joined->cookie;
  if (stale != nullptr) {
    overdue_.push(joined->cookie);
  }
  if (joined->is_first) {
    ask(key, joined->cookie);
    return done(0);
  }
  counters_.coalesced.add();
  if (joined->is_new) {
    following_.push(joined->cookie);
  }
  return done(0);
}

bool Pipeline::can_ask(const CacheKey& key) const noexcept {
  return key.partition == kOwnNames || forwarder_->pool().zone_with(key.partition);
}

// REQUIRES: can_ask(key).
void Pipeline::ask(const CacheKey& key, uint64_t cookie) noexcept {
  if (key.partition == kOwnNames) {
    loop_.post([this, cookie] { go_on_from_own(cookie); });  // its end may be known, too
    return;
  }
  const auto zone = forwarder_->pool().zone_with(key.partition);
  const Handle exchange =
      forwarder_->resolve(*zone, {key.name, key.type, key.dnssec_ok, key.checking_disabled}, cookie);
  in_flight_.note_exchange(cookie, exchange);
}

// Those who made room are told in the next turn: the listener is in the middle of another query now.
void Pipeline::dismiss_displaced() {
  if (displaced_.empty()) {
    loop_.post([this] { answer_displaced(); });
  }
  for (InFlight::Group& group : in_flight_.take_displaced()) {
    if (group.is_first) {
      forwarder_->abandon(group.exchange);
    }
    displaced_.push_back(std::move(group));
  }
}

void Pipeline::answer_displaced() {
  reading_.enter();
  for (InFlight::Group& group : std::exchange(displaced_, {})) {
    const MonoTime now = loop_.now();
    counters_.overloaded.add(group.waiters.size());
    answer_each(group.waiters, [&](Query& query) {
      AnswerCache::Entry* stale = parts_.cache.find_stale(group.key, now);
      return stale != nullptr ? answer_from_entry(query, *stale, now)
                              : error(query, Rcode::kServFail, Ede::kOther, kTooMany);
    });
  }
}

// The upstream takes longer than a client waits: what is stale helps out, and the question goes on.
void Pipeline::on_overdue(uint64_t cookie) {
  reading_.enter();
  const MonoTime now = loop_.now();
  const InFlight::Group* group = in_flight_.find(cookie);
  AnswerCache::Entry* stale = group != nullptr ? parts_.cache.find_stale(group->key, now) : nullptr;
  if (stale == nullptr) {
    return;
  }
  std::vector<WaitingQuery> waiters = in_flight_.release(cookie);
  drop_if_too_many(cookie);
  answer_each(waiters, [&](Query& query) { return answer_from_entry(query, *stale, now); });
}

// A question that is asked for the cache alone from now on.
void Pipeline::drop_if_too_many(uint64_t cookie) {
  if (!in_flight_.has_too_many_unattended()) {
    return;
  }
  counters_.unrefreshed.add();
  const InFlight::Group* group = in_flight_.find(cookie);
  if (group->is_first && !group->is_outdated) {
    forwarder_->abandon(group->exchange);
  }
  in_flight_.drop(cookie);
}

// Not in here: a listener may find out in the middle of answers to others.
void Pipeline::abandon(const ReplyPath& path, std::vector<uint64_t> promises) {
  loop_.post([this, path, promises = std::move(promises)] {
    for (const uint64_t cookie : promises) {
      leave(path, cookie);
    }
  });
}

void Pipeline::leave(const ReplyPath& path, uint64_t cookie) {
  if (in_flight_.leave(path, cookie)) {
    drop_if_too_many(cookie);
  }
}

// A group is a number of the configuration that was in force when the query came: another one may have other
// groups.
Policy::Asker Pipeline::asker_of(const WaitingQuery& waiter) const noexcept {
  Policy::Asker asker = waiter.asker;
  if (waiter.clear_under != rules()) {
    asker.group = parts_.policy.clients().group_of(asker.address, waiter.path.client_name);
  }
  return asker;
}

// `answer` writes the answer to one of them and returns its size.
template <typename Answer>
void Pipeline::answer_each(std::vector<WaitingQuery>& waiters, Answer&& answer) {
  for (WaitingQuery& waiter : waiters) {
    std::copy_n(waiter.packet.begin(), waiter.message.question_end, reply_.begin());
    Query query(waiter.path, reply_, Bytes(reply_).first(waiter.message.question_end));
    query.message = waiter.message;
    query.asker = asker_of(waiter);
    query.clear_under = waiter.clear_under;
    choose_nsid(query);
    if (parts_.recent != nullptr) {
      parts_.recent->note(waiter.message.name, waiter.asker.address, waiter.asker.unix_time);
    }
    if (query.clear_under != rules()) {  // what was pushed while the query waited acts on it, too
      parts_.policy.decide(query.message.name, query.asker, query.verdict);
    }
    const size_t size = query.verdict.blocks() ? block(query, {}) : answer(query);
    count_answer(Bytes(reply_).first(size));
    waiter.path.sink->reply(waiter.path, Bytes(reply_).first(size));
  }
}

void Pipeline::on_resolved(uint64_t cookie, Resolution& resolution) {
  const InFlight::Group* known = in_flight_.find(cookie);
  if (known == nullptr) {
    return;
  }
  reading_.enter();
  const Progress progress = complete(cookie, *known, resolution);
  if (progress == Progress::kWaits) {
    return;
  }
  AnswerCache::Entry* entry = nullptr;
  // First into the cache: who looks there, and then for who has asked, finds one or the other.
  if (progress == Progress::kUnwanted) {
    // Others may have what those who wait here may not: they ask for themselves.
  } else if (resolution.is_good()) {
    entry = must_stay_guarded(*known, resolution) ? nullptr : keep(known->key, resolution.response);
  } else {
    counters_.upstream_failures.add();
    parts_.cache.insert_failure(known->key, loop_.now());
  }
  InFlight::Group group = progress == Progress::kUnwanted ? in_flight_.drop(cookie) : in_flight_.take(cookie);
  if (!group.followers.empty()) {
    const auto shared = std::make_shared<const Resolution>(resolution);
    for (const SharedQuestions::Member& follower : group.followers) {
      follower.worker->on_followed(follower.cookie, shared);
    }
  }
  answer_group(group, resolution, entry);
}

// Another worker's thread.
void Pipeline::on_followed(uint64_t cookie, std::shared_ptr<const Resolution> resolution) {
  loop_.post([this, cookie, resolution = std::move(resolution)] { end_following(cookie, resolution.get()); });
}

void Pipeline::end_following(uint64_t cookie, const Resolution* resolution) {
  if (resolution != nullptr) {
    reading_.enter();
    InFlight::Group group = in_flight_.take(cookie);
    answer_group(group, *resolution, nullptr);
    return;
  }
  // Nobody asks for it any more: then this worker does, for those who wait here.
  const InFlight::Group* group = in_flight_.find(cookie);
  if (group == nullptr || group->is_first) {
    return;
  }
  if (group->waiters.empty()) {
    in_flight_.drop(cookie);
    return;
  }
  if (!in_flight_.claim_again(cookie)) {
    return;
  }
  reading_.enter();
  if (AnswerCache::Entry* entry = parts_.cache.find(group->key, loop_.now())) {
    InFlight::Group answered = in_flight_.drop(cookie);  // the answer has come to another worker meanwhile
    answer_from_cache(answered, *entry);
  } else if (can_ask(group->key)) {
    ask(group->key, cookie);
  } else {
    Resolution none;
    on_resolved(cookie, none);
  }
}

void Pipeline::answer_from_cache(InFlight::Group& group, AnswerCache::Entry& entry) {
  const MonoTime now = loop_.now();
  counters_.cached.add(group.waiters.size());
  answer_each(group.waiters, [&](Query& query) { return answer_from_entry(query, entry, now); });
  in_flight_.recycle(std::move(group.waiters));
}

// The worker that was to answer does not.
void Pipeline::give_up_following(uint64_t cookie) {
  const InFlight::Group* known = in_flight_.find(cookie);
  if (known != nullptr && !known->is_first) {
    reading_.enter();
    InFlight::Group group = in_flight_.take(cookie);
    answer_group(group, {}, nullptr);
  }
}

// `entry`: where its answer is in the cache, if it is.
void Pipeline::answer_group(InFlight::Group& group, const Resolution& resolution, AnswerCache::Entry* entry) {
  AnswerCache::Entry::Findings uncached;
  counters_.forwarded.add(group.waiters.size());
  answer_each(group.waiters, [&](Query& query) {
    return answer_waiter(query, group, resolution, entry != nullptr ? entry->findings : uncached);
  });
  in_flight_.recycle(std::move(group.waiters));
}

size_t Pipeline::answer_waiter(Query& query, const InFlight::Group& group, const Resolution& resolution,
                               AnswerCache::Entry::Findings& findings) noexcept {
  if (!resolution.is_good()) {
    return answer_failure(query, group.key, resolution);
  }
  const bool is_guarded = resolution.is_guarded || rebinding_guard_.covers(group.key.partition);
  const ScrubbedResponse& response = resolution.response;
  const ExtendedError error = response.error ? response.error->view() : ExtendedError{};
  const ExtendedError* said = response.error ? &error : nullptr;
  return answer_with(query, {response.message, is_guarded, findings, said, said});
}

size_t Pipeline::answer_failure(Query& query, const CacheKey& key, const Resolution& resolution) noexcept {
  const MonoTime now = loop_.now();
  if (AnswerCache::Entry* entry = parts_.cache.find_stale(key, now)) {
    return answer_from_entry(query, *entry, now);
  }
  if (const auto& said = resolution.response.error) {
    count_error(said->code);
    return error(query, Rcode::kServFail, said->code, said->text);
  }
  return resolution.answered
             ? error(query, Rcode::kServFail, Ede::kOther, "every upstream refused or failed")
             : error(query, Rcode::kServFail, Ede::kNoReachableAuthority, "no upstream answered");
}

// Asks for a hot answer again before its end; whoever asks meanwhile still gets the old one.
void Pipeline::refresh(const CacheKey& key) noexcept {
  if (in_flight_.has_too_many_unattended()) {
    counters_.unrefreshed.add();
    return;
  }
  if (const auto cookie = in_flight_.start(key, loop_.now())) {
    counters_.prefetched.add();
    ask(key, *cookie);
  }
}

}  // namespace cenote
