// The pipeline's answers whose chain of aliases is open: an upstream that does not resolve, or a record of
// the site's own, knows an alias and not what is behind it. Each step is one answer, of the site's own names,
// of the cache, or of the upstreams of the zone that its name belongs to; policy looks at all that is there
// before the next one is asked for.
#include "resolver/dns/records.h"
#include "resolver/query/local_answer.h"
#include "resolver/query/pipeline.h"

namespace cenote {

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
  while (resolution.answered && !resolution.response.is_failure() && resolution.response.open_end) {
    if (!is_wanted(group, resolution.response.message)) {
      return Progress::kUnwanted;
    }
    CacheKey key = group.key;
    key.name = *resolution.response.open_end;
    if (ScrubbedResponse rest; find_known(key, rest)) {
      join(resolution, rest, group.key.dnssec_ok);
      continue;
    }
    if (ask_on(cookie, group, key)) {
      in_flight_.keep_beginning(cookie, std::make_unique<ScrubbedResponse>(std::move(resolution.response)));
      return Progress::kWaits;
    }
    resolution = {};
  }
  return Progress::kWhole;
}

// What upstream said of the open end of the group's answer: that it failed is said of the whole.
void Pipeline::add_rest(uint64_t cookie, const InFlight::Group& group, Resolution& resolution) {
  const std::unique_ptr<ScrubbedResponse> beginning = in_flight_.take_beginning(cookie);
  if (!resolution.answered || resolution.response.is_failure()) {
    return;
  }
  CacheKey key = group.key;
  key.name = *beginning->open_end;
  if (find_zone(key)) {
    keep(key, resolution.response);
  }
  ScrubbedResponse rest = std::exchange(resolution.response, std::move(*beginning));
  join(resolution, rest, group.key.dnssec_ok);
}

void Pipeline::join(Resolution& resolution, const ScrubbedResponse& rest, bool dnssec_ok) {
  ScrubbedResponse whole;
  join_answers(resolution.response, rest, dnssec_ok, whole);  // or a failure that says why
  resolution.response = std::move(whole);
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
                     [&](const WaitingQuery& waiter) { return may_have(waiter.asker); });
}

// Of the site's own names, and of the cache.
bool Pipeline::find_known(CacheKey& key, ScrubbedResponse& found) {
  if (answer_for_ourselves(key, found)) {
    return true;
  }
  const MonoTime now = loop_.now();
  AnswerCache::Entry* const entry = find_zone(key) ? parts_.cache.find(key, now) : nullptr;
  if (entry == nullptr || entry->is_failure() || !entry->is_fresh(now)) {
    return false;
  }
  const size_t size = entry->copy(scratch_, now);
  return scrub_response(Bytes(scratch_).first(size), key.dnssec_ok, found) == ScrubStatus::kOk;
}

bool Pipeline::answer_for_ourselves(const CacheKey& key, ScrubbedResponse& found) {
  const LocalNames::Match match = find_local(key.name);
  if (match.kind == LocalNames::Kind::kNone) {
    return false;
  }
  std::array<uint8_t, kHeaderBytes + kMaxNameBytes + 4> packet;
  ByteWriter writer(packet);
  for (const uint16_t part : std::array<uint16_t, 6>{0, flag::kRd, 1, 0, 0, 0}) {
    writer.u16(part);
  }
  writer.bytes(key.name.wire());
  writer.u16(key.type);
  writer.u16(kClassIn);
  QueryMessage query;
  if (parse_query(writer.written(), query) != QueryStatus::kOk) {
    return false;
  }
  const size_t size = write_local_answer(scratch_, scratch_.size(), query, writer.written(), match);
  return scrub_response(Bytes(scratch_).first(size), key.dnssec_ok, found) == ScrubStatus::kOk;
}

// Asks the upstreams of the name's zone, with what is left of the question's time. False: there are none.
bool Pipeline::ask_on(uint64_t cookie, const InFlight::Group& group, const CacheKey& key) {
  const auto zone = forwarder_->zone_of(key.name, key.type);
  if (!zone) {
    return false;
  }
  const Handle exchange =
      forwarder_->resolve(*zone, {key.name, key.type, key.dnssec_ok, key.checking_disabled}, cookie,
                          group.asked + Exchange::kTotal);
  in_flight_.note_exchange(cookie, exchange);
  return true;
}

}  // namespace cenote
