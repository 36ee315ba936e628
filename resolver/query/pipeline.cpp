#include "resolver/query/pipeline.h"

#include <fmt/format.h>

namespace cenote {
namespace {

// RFC 8482 section 4.2: what ANY gets instead of everything.
constexpr std::array<uint8_t, 9> kAnyHinfo{7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
constexpr uint32_t kAnyTtl = 3600;
constexpr std::array<uint8_t, 4> kNoRecords{};  // the answer and authority counts of a truncated message

}  // namespace

Pipeline::Pipeline(Loop& loop, Parts parts) : loop_(loop), parts_(std::move(parts)) {}

size_t Pipeline::on_message(const ReplyPath& path, MutableBytes buffer, size_t size) noexcept {
  Query query{path, buffer, buffer.first(size), {}, {}, {}};

  Step step = parse(query);  // first, for nothing can be said to what is no query
  if (!step.done) {
    step = admit(query);  // before any work is spent on a stranger
  }
  if (!step.done) {
    step = decide(
        query);  // before the cache and before any upstream: the attacker hears nothing of a C2 question
  }
  if (!step.done) {
    step = answer_locally(query);
  }
  if (!step.done) {
    step = answer_from_cache(
        query);  // holds what upstream said; its content is judged again under today's policy
  }
  if (!step.done) {
    step = ask_upstream(query);  // the answer follows in on_resolved()
  }

  count_answer(buffer.first(step.size));
  return step.size;
}

Pipeline::Step Pipeline::parse(Query& query) noexcept {
  const QueryStatus status = parse_query(query.packet, query.message);
  if (status == QueryStatus::kIgnore) {
    counters_.ignored.add();
    return done(0);
  }
  counters_.queries[static_cast<size_t>(query.path.transport)].add();
  switch (status) {
    case QueryStatus::kFormErr:
      counters_.malformed.add();
      return done(error(query, Rcode::kFormErr));
    case QueryStatus::kNotImp:
      return done(error(query, Rcode::kNotImp));
    case QueryStatus::kBadVers:
      return done(error(query, Rcode::kBadVers));
    case QueryStatus::kRefused:
      return done(error(query, Rcode::kRefused, Ede::kNotSupported, ""));
    default:
      return kNext;
  }
}

Pipeline::Step Pipeline::admit(Query& query) noexcept {
  const Clients& clients = parts_.policy.clients();
  query.asker.address = query.path.client().address();
  if (!clients.may_ask(query.asker.address)) {
    counters_.refused_clients.add();
    return done(error(query, Rcode::kRefused, Ede::kProhibited, "this resolver does not serve your network"));
  }
  query.asker.group = clients.group_of(query.asker.address);
  query.asker.unix_time = unix_seconds(wall_now());
  return kNext;
}

Pipeline::Step Pipeline::decide(Query& query) noexcept {
  query.verdict = parts_.policy.decide(query.message.name, query.asker);
  if (query.verdict.blocks()) {
    return done(block(query, {}));
  }
  if (query.verdict.is_recorded()) {
    record(query);
  }
  return kNext;
}

Pipeline::Step Pipeline::answer_locally(Query& query) noexcept {
  if (query.message.type != rrtype::kAny) {
    return kNext;
  }
  AnswerWriter answer(query.buffer, query.limit(), query.message, query.packet);
  answer.answer(query.message.name, rrtype::kHinfo, kAnyTtl, kAnyHinfo);
  return done(answer.finish(Rcode::kNoError));
}

Pipeline::Step Pipeline::answer_from_cache(Query& query) noexcept {
  const auto key = key_of(query.message);
  if (!key) {
    return done(error(query, Rcode::kServFail, Ede::kNoReachableAuthority, "no upstream serves this zone"));
  }
  const MonoTime now = loop_.now();
  AnswerCache::Entry* entry = parts_.cache.find(*key, now);
  if (entry == nullptr) {
    return kNext;
  }
  counters_.cached.add();
  if (entry->is_failure()) {
    return done(error(query, Rcode::kServFail, Ede::kCachedError, "resolution failed a moment ago"));
  }
  return done(answer_from_entry(query, *entry, now));
}

Pipeline::Step Pipeline::ask_upstream(Query& query) noexcept {
  if (!query.message.recursion_desired()) {
    return done(error(query, Rcode::kRefused, Ede::kNotAuthoritative, "recursion was not asked for"));
  }
  const CacheKey key = *key_of(query.message);
  const auto joined = in_flight_.join(key, query);
  if (!joined) {
    counters_.overloaded.add();
    return done(error(query, Rcode::kServFail, Ede::kOther, "too many questions are waiting"));
  }
  if (joined->is_first) {
    forwarder_->resolve(key.partition, {key.name, key.type, key.dnssec_ok, key.checking_disabled},
                        joined->cookie);
  } else {
    counters_.coalesced.add();
  }
  return done(0);
}

void Pipeline::on_resolved(uint64_t cookie, Resolution& resolution) {
  InFlight::Group group = in_flight_.take(cookie);
  const bool good = resolution.answered && (resolution.response.rcode == Rcode::kNoError ||
                                            resolution.response.rcode == Rcode::kNxDomain);
  AnswerCache::Entry* entry = nullptr;
  if (good) {
    entry = parts_.cache.insert(group.key, resolution.response, loop_.now());
  } else {
    counters_.upstream_failures.add();
    parts_.cache.insert_failure(group.key, loop_.now());
  }
  uint64_t uncached_generation = 0;
  for (WaitingQuery& waiter : group.waiters) {
    std::copy(waiter.packet.begin(), waiter.packet.end(), reply_.begin());
    Query query{waiter.path,    reply_,       Bytes(reply_).first(waiter.message.question_end),
                waiter.message, waiter.asker, waiter.verdict};
    if (parts_.recent != nullptr) {
      parts_.recent->note(waiter.message.name, waiter.asker.address, waiter.asker.unix_time);
    }
    const size_t size = answer_waiter(query, group.key, good, resolution,
                                      entry != nullptr ? entry->passed_generation : uncached_generation);
    counters_.forwarded.add();
    count_answer(Bytes(reply_).first(size));
    if (size != 0) {
      waiter.path.sink->reply(waiter.path, Bytes(reply_).first(size));
    }
  }
}

size_t Pipeline::answer_waiter(Query& query, const CacheKey& key, bool good, const Resolution& resolution,
                               uint64_t& passed_generation) noexcept {
  // What was pushed while the query waited acts on it, too.
  query.verdict = parts_.policy.decide(query.message.name, query.asker);
  if (query.verdict.blocks()) {
    return block(query, {});
  }
  return good ? answer_with(query, resolution.response.message, nullptr, passed_generation)
              : answer_failure(query, key, resolution);
}

// A fresh entry, or a stale one with the extended error that says so.
size_t Pipeline::answer_from_entry(Query& query, AnswerCache::Entry& entry, MonoTime now) noexcept {
  const bool stale = !entry.is_fresh(now);
  const ExtendedError error{entry.rcode() == Rcode::kNxDomain ? Ede::kStaleNxdomain : Ede::kStaleAnswer,
                            "upstream does not answer"};
  if (stale) {
    counters_.stale.add();
  }
  const size_t size = entry.copy(scratch_, now);
  return answer_with(query, Bytes(scratch_).first(size), stale ? &error : nullptr, entry.passed_generation);
}

// The last stages for what upstream said: inspect, then answer. `passed_generation` remembers for which
// snapshot nothing in it was listed. Whoever allows a name means the site behind it, so an exception for the
// question covers its answer.
size_t Pipeline::answer_with(Query& query, Bytes upstream, const ExtendedError* error,
                             uint64_t& passed_generation) noexcept {
  const bool has_passed = passed_generation == parts_.policy.generation() && passed_generation != 0;
  if (!has_passed && !query.verdict.excepted) {
    const Policy::Inspection inspection = parts_.policy.inspect(upstream, query.asker);
    if (inspection.untouched) {
      passed_generation = parts_.policy.generation();
    } else if (inspection.verdict.is_recorded()) {
      query.verdict = inspection.verdict;
      if (query.verdict.blocks()) {
        return block(query, upstream);
      }
      record(query);
    }
  }
  return copy_answer(query, upstream, error);
}

size_t Pipeline::copy_answer(Query& query, Bytes upstream, const ExtendedError* error) noexcept {
  const size_t behind = query.message.question_end;
  MutableBytes out = query.buffer;
  const uint16_t rcode = upstream[3] & flag::kRcode;
  // With room for the OPT: an answer that forgets it makes stubs distrust the server.
  const bool fits = upstream.size() + (query.message.has_edns ? kOptBytes : 0) <= query.limit();
  // The question stays as the client wrote it; everything behind it comes from upstream.
  if (fits) {
    std::memcpy(out.data() + behind, upstream.data() + behind, upstream.size() - behind);
  } else {
    counters_.truncated.add();
  }
  ByteWriter header(out);
  header.u16(query.message.id);
  header.u16(static_cast<uint16_t>(flag::kQr | flag::kRa | (fits ? 0 : flag::kTc) | rcode |
                                   (query.message.flags & (flag::kRd | flag::kCd))));
  header.u16(1);
  header.bytes(fits ? upstream.subspan(6, 4) : Bytes(kNoRecords));
  header.u16(0);
  const size_t size = fits ? upstream.size() : behind;
  return append_opt(out, size, query.limit(), query.message, error);
}

size_t Pipeline::answer_failure(Query& query, const CacheKey& key, const Resolution& resolution) noexcept {
  const MonoTime now = loop_.now();
  if (AnswerCache::Entry* entry = parts_.cache.find_stale(key, now)) {
    return answer_from_entry(query, *entry, now);
  }
  if (resolution.has_error) {
    const ShortText<140> text("upstream: " + resolution.error_text);  // cut on a whole character
    return error(query, Rcode::kServFail, resolution.error, text.view());
  }
  return resolution.answered
             ? error(query, Rcode::kServFail, Ede::kOther, "every upstream refused or failed")
             : error(query, Rcode::kServFail, Ede::kNoReachableAuthority, "no upstream answered");
}

size_t Pipeline::block(Query& query, Bytes chain) noexcept {
  const IncidentId incident = record(query);
  return parts_.blocked_answer.write(query.buffer, query.limit(), query.message, query.packet, query.verdict,
                                     incident, chain);
}

IncidentId Pipeline::record(const Query& query) noexcept {
  Event event;
  event.time = wall_now();
  event.client = query.path.client();
  event.transport = query.path.transport;
  event.type = query.message.type;
  event.name = query.message.name;
  event.incident = IncidentId::make(parts_.incident_key, query.asker.address, event.name, event.time);
  event.verdict = query.verdict;
  event.group = parts_.policy.clients().group_name(query.asker.group);
  counters_.actions[static_cast<size_t>(query.verdict.action)].add();
  parts_.events.push(event);
  if (query.verdict.blocks() && query.verdict.match != MatchKind::kQuestion && parts_.on_indirect_block) {
    parts_.on_indirect_block(event);
  }
  return event.incident;
}

size_t Pipeline::error(Query& query, Rcode rcode) noexcept {
  return write_error(query.buffer.first(std::min(query.buffer.size(), query.limit())), query.message,
                     query.packet, rcode);
}

size_t Pipeline::error(Query& query, Rcode rcode, Ede code, std::string_view text) noexcept {
  return write_error(query.buffer.first(std::min(query.buffer.size(), query.limit())), query.message,
                     query.packet, rcode, code, text);
}

void Pipeline::count_answer(Bytes answer) noexcept {
  if (!answer.empty()) {
    counters_.answers[answer[3] & flag::kRcode].add();
  }
}

std::optional<CacheKey> Pipeline::key_of(const QueryMessage& message) const noexcept {
  const auto zone = forwarder_->zone_of(message.name);
  if (!zone) {
    return std::nullopt;
  }
  return CacheKey{message.name, message.type, message.dnssec_ok(), message.checking_disabled(), *zone};
}

}  // namespace cenote
