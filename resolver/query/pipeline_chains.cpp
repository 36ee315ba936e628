// The pipeline's answers whose chain of aliases is open: an upstream that does not resolve, or a record of
// the site's own, knows an alias and not what is behind it. Each step is one answer, of the site's own names,
// of the cache, or of the upstreams of the zone that its name belongs to; policy looks at all that is there
// before the next one is asked for.
#include "resolver/dns/records.h"
#include "resolver/query/local_answer.h"
#include "resolver/query/pipeline.h"

namespace cenote {
namespace {

// A shorter time would end before most servers answer, and be counted against them.
constexpr milliseconds kLeastForRest{250};
// No chain is longer, but for signatures; so much is kept for each of thousands of questions.
constexpr size_t kMostBeginning = 16 * 1024;

}  // namespace

// Goes on from the group's own name, as from an answer that an upstream gave.
void Pipeline::go_on_from_own(uint64_t cookie) {
  const InFlight::Group* group = in_flight_.find(cookie);
  if (group == nullptr) {
    return;
  }
  Resolution own;
  own.answered = answer_for_ourselves(group->key, own.response);
  on_resolved(cookie, own);
}

Pipeline::Progress Pipeline::complete(uint64_t cookie, const InFlight::Group& group, Resolution& resolution) {
  if (group.beginning != nullptr) {
    add_rest(cookie, group, resolution);
  }
  while (resolution.is_good() && resolution.response.open_end) {
    if (!is_wanted(group, resolution.response.message)) {
      return Progress::kUnwanted;
    }
    CacheKey key = group.key;
    key.name = *resolution.response.open_end;
    Resolution rest;
    if (find_known(key, group.waiters.empty(), rest)) {
      join(resolution, rest, group.key.dnssec_ok);
    } else if (ask_on(cookie, group, key, resolution)) {
      return Progress::kWaits;
    } else {
      join(resolution, {}, group.key.dnssec_ok);
    }
  }
  return Progress::kWhole;
}

// What upstream said of the open end of the group's answer.
void Pipeline::add_rest(uint64_t cookie, const InFlight::Group& group, Resolution& resolution) {
  const std::unique_ptr<InFlight::Beginning> beginning = in_flight_.take_beginning(cookie);
  if (resolution.is_good()) {
    CacheKey key = group.key;
    key.name = *beginning->answer.open_end;
    key.partition = beginning->rest_partition;  // of those who were asked, whom a reload may have replaced
    resolution.is_guarded = rebinding_guard_.covers(key.partition);
    keep(key, resolution.response);
  }
  const Resolution rest =
      std::exchange(resolution, {true, std::move(beginning->answer), beginning->is_guarded});
  join(resolution, rest, group.key.dnssec_ok);
}

// That the rest failed is said of the whole, unless the beginning can stand alone.
void Pipeline::join(Resolution& beginning, const Resolution& rest, bool dnssec_ok) {
  if (!rest.is_good() && !beginning.response.is_resolvers) {
    beginning = rest;
    return;
  }
  ScrubbedResponse whole;
  join_answers(beginning.response, rest.response, dnssec_ok, whole);  // or a failure that says why
  beginning.response = std::move(whole);
  beginning.is_guarded = beginning.is_guarded || rest.is_guarded;
}

// In the cache an answer is guarded as its question's zone is. One that leads inside through a part from a
// zone that is guarded, and belongs to one that is not, is judged each time.
bool Pipeline::must_stay_guarded(const InFlight::Group& group, const Resolution& resolution) const noexcept {
  return resolution.is_guarded && !rebinding_guard_.covers(group.key.partition) &&
         leads_to(resolution.response.message, group.key.name, parts_.policy) != LeadsTo::kOutside;
}

// Does it end with data, or with the word that there is none? Then it may be kept.
AnswerCache::Entry* Pipeline::keep(const CacheKey& key, ScrubbedResponse& response) {
  const bool is_lasting = key.partition != kOwnNames && !response.open_end;
  return is_lasting ? parts_.cache.insert(key, response, loop_.now()) : nullptr;
}

// May somebody who waits for it have what there is so far? Then what is behind it is asked for. An attacker
// hears of no question for a name that is blocked.
bool Pipeline::is_wanted(const InFlight::Group& group, Bytes message) {
  const auto may_have = [&](const Policy::Asker& asker) {
    return parts_.policy.decide(group.key.name, asker).excepted ||
           !parts_.policy.inspect(message, group.key.name, asker).verdict.blocks();
  };
  if (group.waiters.empty()) {  // for the cache
    Policy::Asker anybody;
    anybody.unix_time = unix_seconds(wall_time());
    return may_have(anybody);
  }
  return std::any_of(group.waiters.begin(), group.waiters.end(),
                     [&](const WaitingQuery& waiter) { return may_have(asker_of(waiter)); });
}

// Of the site's own names, and, unless it is to be `renewed`, of the cache.
bool Pipeline::find_known(CacheKey& key, bool renewed, Resolution& found) {
  found.answered = true;
  if (answer_for_ourselves(key, found.response)) {
    return true;
  }
  const MonoTime now = loop_.now();
  AnswerCache::Entry* const entry = find_zone(key) && !renewed ? parts_.cache.find(key, now) : nullptr;
  if (entry == nullptr || entry->is_failure() || !entry->is_fresh(now)) {
    return false;
  }
  const size_t size = entry->copy(scratch_, now);
  if (scrub_response(Bytes(scratch_).first(size), key.dnssec_ok, found.response) != ScrubStatus::kOk) {
    return false;
  }
  found.response.message[3] |= static_cast<uint8_t>(scratch_[3] & flag::kAd);
  if (entry->has_error()) {
    const ExtendedError error = entry->error();
    found.response.error = {error.code, std::string(error.text)};
  }
  found.is_guarded = rebinding_guard_.covers(key.partition);
  return true;
}

bool Pipeline::answer_for_ourselves(const CacheKey& key, ScrubbedResponse& found) {
  const LocalNames::Match match = find_local(key.name);
  if (match.kind == LocalNames::Kind::kNone) {
    return false;
  }
  std::array<uint8_t, kMaxQueryBytes> buffer;
  const size_t asked = write_query(buffer, {key.name, key.type}, 0, {.has_edns = false});
  const Bytes packet = Bytes(buffer).first(asked);
  QueryMessage query;
  if (parse_query(packet, query) != QueryStatus::kOk) {
    return false;
  }
  const size_t size = write_local_answer(scratch_, scratch_.size(), query, packet, match);
  const bool is_whole = scrub_response(Bytes(scratch_).first(size), key.dnssec_ok, found) == ScrubStatus::kOk;
  found.is_resolvers = false;  // an alias of the site's own means what is behind it
  return is_whole;
}

// Asks the upstreams of the name's zone, with what is left of the question's time. False: there are none, or
// it is too late, or too much is to be kept meanwhile.
bool Pipeline::ask_on(uint64_t cookie, const InFlight::Group& group, const CacheKey& key,
                      Resolution& resolution) {
  const auto zone = forwarder_->zone_of(key.name, key.type);
  const MonoTime deadline = group.asked + Exchange::kTotal;
  const bool can_keep = resolution.response.message.size() <= kMostBeginning;
  if (!zone || !can_keep || deadline - loop_.now() < kLeastForRest) {
    return false;
  }
  const Handle exchange = forwarder_->resolve(
      *zone, {key.name, key.type, key.dnssec_ok, key.checking_disabled}, cookie, deadline);
  in_flight_.note_exchange(cookie, exchange);
  in_flight_.keep_beginning(cookie, std::make_unique<InFlight::Beginning>(InFlight::Beginning{
                                        std::move(resolution.response), resolution.is_guarded,
                                        forwarder_->pool().zone_number(*zone)}));
  return true;
}

}  // namespace cenote
