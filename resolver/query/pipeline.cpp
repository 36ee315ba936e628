#include "resolver/query/pipeline.h"

#include <fmt/format.h>

#include "resolver/base/log.h"
#include "resolver/dns/records.h"
#include "resolver/query/local_answer.h"

namespace cenote {
namespace {

constexpr std::array<uint8_t, 4> kNoRecords{};  // the answer and authority counts of a truncated message

// RFC 8767 section 5: a client gives up after a few seconds, so it gets a stale answer before.
constexpr milliseconds kClientPatience{1800};
// Another worker answers, or says that it does not, as soon as its upstreams have: unless it stands still.
constexpr milliseconds kFollowingPatience = Exchange::kTotal + milliseconds{500};

Pipeline::Parts with_own_parts(Pipeline::Parts parts) {
  if (!parts.questions) {
    parts.questions = std::make_shared<SharedQuestions>();
  }
  if (!parts.limiter) {
    parts.limiter = std::make_shared<RateLimiter>(parts.admission);
  }
  if (!parts.refusal_limiter) {
    parts.refusal_limiter = RateLimiter::of_refusals();
  }
  return parts;
}

// A record of the site's own says that the name is another one, of which its client wants to know more.
bool is_alias(const QueryMessage& query, const LocalNames::Match& match) noexcept {
  return match.kind == LocalNames::Kind::kRecords && query.recursion_desired() &&
         query.type != rrtype::kCname && query.type != rrtype::kAny &&
         std::any_of(match.records->begin(), match.records->end(),
                     [](const LocalRecord& record) { return record.type == rrtype::kCname; });
}

}  // namespace

Pipeline::Pipeline(Loop& loop, Parts parts)
    : loop_(loop),
      parts_(with_own_parts(std::move(parts))),
      in_flight_(*parts_.questions, *this),
      local_names_(std::make_unique<LocalNames>(parts_.names)),
      reading_(parts_.cache.quiescence()),
      turn_end_(
          loop, [](void* self) { static_cast<Pipeline*>(self)->reading_.leave(); }, this),
      rebinding_guard_(parts_.rebinding),
      cookies_(parts_.cookie_secrets),
      overdue_(loop, kClientPatience, [this](uint64_t cookie) { on_overdue(cookie); }),
      following_(loop, kFollowingPatience, [this](uint64_t cookie) { give_up_following(cookie); }) {}

Pipeline::~Pipeline() = default;

void Pipeline::reload(Renewed renewed) {
  parts_.names = std::move(renewed.names);
  parts_.admission = renewed.admission;
  local_names_ = std::make_unique<LocalNames>(parts_.names);
  parts_.limiter =
      renewed.limiter ? std::move(renewed.limiter) : std::make_shared<RateLimiter>(parts_.admission);
  cookies_ = CookieMaker(renewed.cookie_secrets);
  parts_.configuration = renewed.configuration != 0 ? renewed.configuration : parts_.configuration + 1;
  rebinding_guard_.reload(renewed.rebinding, forwarder_->pool(), parts_.configuration);
}

void Pipeline::connect(Forwarder& forwarder) noexcept {
  if (forwarder_ != nullptr) {
    in_flight_.outdate();
  }
  forwarder_ = &forwarder;
  rebinding_guard_.connect(forwarder.pool());
}

size_t Pipeline::on_message(const ReplyPath& path, MutableBytes buffer, size_t size) noexcept {
  Query query(path, buffer, buffer.first(size));

  Step step = parse(query);  // first, for nothing can be said to what is no query
  if (!step.done) {
    admit(query);
    step = limit(query);  // before any answer: a forged address must not be flooded through us
  }
  if (!step.done) {
    step = refuse(query);  // before any work is spent on a stranger
  }
  if (!step.done) {
    step = recall(query);  // most have been asked before, and nothing of theirs is listed
  }
  if (!step.done) {
    step = decide(query);  // before any other answer: the attacker hears nothing of a C2 question
  }
  if (!step.done) {
    step = answer_locally(query);
  }
  if (!step.done) {
    step = answer_from_cache(query);  // its content is judged, too
  }
  if (!step.done) {
    step = ask_upstream(query);  // the answer follows in on_resolved()
  }

  count_answer(buffer.first(step.size));
  return step.size;
}

WallTime Pipeline::wall_time() noexcept {
  const MonoTime now = loop_.now();
  if (now - wall_read_ >= seconds{1}) {
    wall_ = wall_now();
    wall_read_ = now;
  }
  return wall_ + std::chrono::duration_cast<WallTime::duration>(now - wall_read_);
}

uint32_t Pipeline::rules() const noexcept {
  // Never 0, which means that nobody has judged. Enough bits for an answer's life, of two days where nothing
  // else is set: a million pushes, and four thousand reloads.
  constexpr unsigned kGenerationBits = 20;
  constexpr uint32_t kConfigurations = (uint32_t{1} << (32 - kGenerationBits)) - 1;
  constexpr uint64_t kGenerations = (uint64_t{1} << kGenerationBits) - 1;
  return (parts_.configuration % kConfigurations + 1) << kGenerationBits |
         static_cast<uint32_t>(parts_.policy.generation() & kGenerations);
}

// An answer that was found clear under these very rules, its question included, needs no decision.
Pipeline::Step Pipeline::recall(Query& query) noexcept {
  query.has_upstream = find_key(query);
  if (!query.has_upstream) {
    return kNext;
  }
  query.looked_up = loop_.now();
  reading_.enter();
  query.known = parts_.cache.find(query.key, query.looked_up, &query.has_stale);
  const bool is_clear = query.known != nullptr && query.known->findings.clear_under() == rules();
  return is_clear ? answer_from_cache(query) : kNext;
}

Pipeline::Step Pipeline::decide(Query& query) noexcept {
  const bool is_listed = parts_.policy.decide(query.message.name, query.asker, query.verdict);
  query.clear_under = is_listed ? 0 : rules();
  if (query.verdict.blocks()) {
    return done(block(query, {}));
  }
  if (query.verdict.is_recorded()) {
    record(query);
  }
  return kNext;
}

// Not what is delegated: a server that is configured for the name, or for a zone in between, knows better.
LocalNames::Match Pipeline::find_local(const Name& name) const noexcept {
  const LocalNames::Match match = local_names_->find(name);
  if (match.kind == LocalNames::Kind::kNone || match.kind == LocalNames::Kind::kRecords) {
    return match;
  }
  const auto zone = forwarder_->zone_of(name);
  const bool is_delegated = zone && forwarder_->pool().zone_name(*zone).is_at_or_below(match.zone);
  return is_delegated ? LocalNames::Match{} : match;
}

Pipeline::Step Pipeline::answer_locally(Query& query) noexcept {
  const LocalNames::Match match = find_local(query.message.name);
  if (is_alias(query.message, match)) {
    return begin_own_chain(query);
  }
  if (match.kind != LocalNames::Kind::kNone) {
    counters_.local.add();
    return done(write_local_answer(query.buffer, query.limit(), query.message, query.packet, match));
  }
  return query.message.type == rrtype::kAny
             ? done(write_any_answer(query.buffer, query.limit(), query.message, query.packet))
             : kNext;
}

// As an answer that an upstream gave in part: the rest follows in on_resolved().
Pipeline::Step Pipeline::begin_own_chain(Query& query) noexcept {
  query.key.partition = kOwnNames;  // find_key() has set the rest
  query.looked_up = loop_.now();
  query.has_stale = false;
  return ask_upstream(query);
}

Pipeline::Step Pipeline::answer_from_cache(Query& query) noexcept {
  if (!query.has_upstream) {
    return done(error(query, Rcode::kServFail, Ede::kNoReachableAuthority, "no upstream serves this zone"));
  }
  const MonoTime now = query.looked_up;
  AnswerCache::Entry* const entry = query.known;
  if (entry == nullptr) {
    return answer_from_cut(query, now);
  }
  counters_.cached.add();
  if (entry->take_refresh(now)) {
    refresh(query.key);
  }
  return done(answer_from_entry(query, *entry, now));
}

// A name above this one does not exist: with its SOA, so that the client learns the same (RFC 8020 section
// 4).
Pipeline::Step Pipeline::answer_from_cut(Query& query, MonoTime now) noexcept {
  const AnswerCache::Entry* entry = parts_.cache.find_cut(query.key, now);
  if (entry == nullptr) {
    return kNext;
  }
  const Bytes message = Bytes(scratch_).first(entry->copy(scratch_, now));
  RecordReader reader(message);
  RecordView record;
  AnswerWriter answer(query.buffer, query.limit(), query.message, query.packet);
  while (reader.next(record)) {
    std::array<uint8_t, 2 * kMaxNameBytes + 20> rdata;
    const size_t size = record.type == rrtype::kSoa ? read_soa(message, record, rdata) : 0;
    if (size != 0) {
      answer.authority(record.owner, rrtype::kSoa, record.ttl, Bytes(rdata).first(size));
      break;
    }
  }
  counters_.cached.add();
  return done(answer.finish(Rcode::kNxDomain));
}

// A fresh entry with what upstream said beside it, or a stale one with the extended error that says so.
size_t Pipeline::answer_from_entry(Query& query, AnswerCache::Entry& entry, MonoTime now) noexcept {
  if (entry.is_failure()) {
    return error(query, Rcode::kServFail, Ede::kCachedError, "resolution failed a moment ago");
  }
  const size_t size = entry.copy(scratch_, now);
  ExtendedError said;
  ExtendedError staleness;
  Said answer{Bytes(scratch_).first(size), rebinding_guard_.covers(entry.partition()), entry.findings};
  if (entry.has_error()) {
    said = entry.error();
    answer.error = answer.upstream = &said;
  }
  if (!entry.is_fresh(now)) {
    counters_.stale.add();
    scratch_[3] &= static_cast<uint8_t>(~flag::kAd);  // what was authentic then
    staleness = {entry.rcode() == Rcode::kNxDomain ? Ede::kStaleNxdomain : Ede::kStaleAnswer,
                 "upstream does not answer"};
    answer.error = &staleness;
  }
  return answer_with(query, answer);
}

// The last stages for what upstream said: inspect, then answer. Its findings remember under which rules
// nothing of it was listed. Whoever allows a name means the site behind it, so an exception for the question
// covers its answer.
size_t Pipeline::answer_with(Query& query, const Said& said) noexcept {
  const uint32_t rules = this->rules();
  if (said.findings.clear_under() != rules && !query.verdict.excepted) {
    const Policy::Inspection inspection =
        parts_.policy.inspect(said.message, query.message.name, query.asker);
    if (inspection.untouched && query.clear_under == rules) {
      said.findings.set_clear_under(rules);
    } else if (inspection.verdict.is_recorded()) {
      query.verdict = inspection.verdict;
      if (query.verdict.blocks()) {
        return block(query, said.message);
      }
      record(query);
    }
  }
  const LeadsTo place =
      said.is_guarded ? rebinding_guard_.judge(query.message.name, said.message, parts_.policy, said.findings)
                      : LeadsTo::kOutside;
  if (place != LeadsTo::kOutside) {
    return withhold(query, place, said.upstream);
  }
  if (said.error != nullptr) {
    count_error(said.error->code);
  }
  return copy_answer(query, said.message, said.error);
}

// A name from outside that leads to inner addresses. Upstreams that filter answer with 0.0.0.0, and few say
// so (RFC 8914): that is no attack, and still no address to connect to.
size_t Pipeline::withhold(Query& query, LeadsTo place, const ExtendedError* error) noexcept {
  constexpr ExtendedError kFiltered{Ede::kBlocked, "upstream: blocked, by an address that leads nowhere"};
  const bool is_said = error != nullptr && is_block(error->code);
  if (is_said || place == LeadsTo::kNowhere) {
    const ExtendedError& why = is_said ? *error : kFiltered;
    count_error(why.code);
    return write_withheld_answer(query.buffer, query.limit(), query.message, query.packet, why);
  }
  constexpr seconds kBetweenLines{10};  // the counter has the rest
  counters_.withheld.add();
  if (const MonoTime now = loop_.now(); now - withholding_told_ >= kBetweenLines) {
    withholding_told_ = now;
    log::warn("rebinding: {} has an address of an inner network and is withheld; rebinding.allow excepts it",
              query.message.name.to_text());
  }
  return write_withheld_answer(query.buffer, query.limit(), query.message, query.packet,
                               {Ede::kBlocked, "an inner address in an answer from outside"});
}

size_t Pipeline::copy_answer(Query& query, Bytes upstream, const ExtendedError* error) noexcept {
  const size_t behind = query.message.question_end;
  MutableBytes out = query.buffer;
  const uint16_t rcode = upstream[3] & flag::kRcode;
  // With room for the OPT: an answer that forgets it makes stubs distrust the server.
  const bool fits = upstream.size() + opt_bytes(query.message) <= query.limit();
  // AD is there only where the zone's servers are trusted; it goes to whoever asks for it (RFC 6840 section
  // 5.8), and not with what is left out.
  const bool wants_ad = query.message.dnssec_ok() || (query.message.flags & flag::kAd) != 0;
  const uint16_t ad = fits && wants_ad ? upstream[3] & flag::kAd : 0;
  // The question stays as the client wrote it; everything behind it comes from upstream.
  if (fits) {
    std::memcpy(out.data() + behind, upstream.data() + behind, upstream.size() - behind);
  } else {
    counters_.truncated.add();
  }
  ByteWriter header(out.first<kHeaderBytes>());
  header.u16(query.message.id);
  header.u16(static_cast<uint16_t>(flag::kQr | flag::kRa | (fits ? 0 : flag::kTc) | rcode | ad |
                                   (query.message.flags & (flag::kRd | flag::kCd))));
  header.u16(1);
  header.bytes(fits ? upstream.subspan(6, 4) : Bytes(kNoRecords));
  header.u16(0);
  const size_t size = fits ? upstream.size() : behind;
  return append_opt(out, size, query.limit(), query.message, error);
}

void Pipeline::count_error(Ede code) noexcept {
  counters_.blocked_upstream.add(is_block(code) ? 1 : 0);
}

size_t Pipeline::block(Query& query, Bytes chain) noexcept {
  const IncidentId incident = record(query);
  return parts_.blocked_answer.write(query.buffer, query.limit(), query.message, query.packet, query.verdict,
                                     incident, chain);
}

IncidentId Pipeline::record(const Query& query) noexcept {
  const WallTime time = wall_time();
  const auto incident = IncidentId::make(parts_.incident_key, query.asker.address, query.message.name, time);
  EventView event(query.verdict);
  event.time = time;
  event.incident = incident;
  event.client = query.asker.address;
  event.client_port = query.path.client().port();
  event.transport = query.path.transport;
  event.type = query.message.type;
  event.client_name = query.path.client_name;
  event.name = query.message.name.wire();
  event.group = parts_.policy.clients().group_name(query.asker.group);
  counters_.actions[static_cast<size_t>(query.verdict.action)].add();
  parts_.events.push(event);
  if (query.verdict.blocks() && query.verdict.match != MatchKind::kQuestion && parts_.on_indirect_block) {
    parts_.on_indirect_block(Event(event));
  }
  return incident;
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

bool Pipeline::find_key(Query& query) const noexcept {
  const QueryMessage& message = query.message;
  query.key.name = message.name;  // each by itself: a key made first would copy the name twice
  query.key.type = message.type;
  query.key.dnssec_ok = message.dnssec_ok();
  query.key.checking_disabled = message.checking_disabled();
  return find_zone(query.key);
}

bool Pipeline::find_zone(CacheKey& key) const noexcept {
  const auto zone = forwarder_->zone_of(key.name, key.type);
  if (zone) {
    key.partition = forwarder_->pool().zone_number(*zone);
  }
  return zone.has_value();
}

}  // namespace cenote
