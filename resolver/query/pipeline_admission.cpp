// The pipeline's first stages: what is asked, who asks, how often, and who is refused.
#include "resolver/query/local_answer.h"
#include "resolver/query/pipeline.h"

namespace cenote {

Pipeline::Step Pipeline::parse(Query& query) noexcept {
  query.status = parse_query(query.packet, query.message);
  if (query.status == QueryStatus::kIgnore) {
    counters_.ignored.add();
    return done(0);
  }
  counters_.queries[static_cast<size_t>(query.path.transport)].add();
  counters_.malformed.add(query.status == QueryStatus::kFormErr ? 1 : 0);
  return kNext;
}

void Pipeline::admit(Query& query) noexcept {
  const Clients& clients = parts_.policy.clients();
  query.asker.address = query.path.client().address();
  query.is_stranger = !clients.may_ask(query.asker.address, query.path.has_certificate);
  if (query.is_stranger) {
    counters_.refused_clients.add();
    return;
  }
  query.asker.group = clients.group_of(query.asker.address, query.path.client_name);
  query.asker.unix_time = unix_seconds(wall_time());
  if (query.status == QueryStatus::kOk || query.status == QueryStatus::kChaos) {
    choose_options(query);
  }
}

// What is not asked as it should be, or by nobody who may ask, or about this server.
Pipeline::Step Pipeline::refuse(Query& query) noexcept {
  switch (query.status) {
    case QueryStatus::kFormErr:
      return done(error(query, Rcode::kFormErr));
    case QueryStatus::kNotImp:
      return done(error(query, Rcode::kNotImp));
    case QueryStatus::kBadVers:
      return done(error(query, Rcode::kBadVers));
    case QueryStatus::kRefused:
      return done(error(query, Rcode::kRefused, Ede::kNotSupported, ""));
    default:
      break;
  }
  if (query.is_stranger) {
    return done(refuse_stranger(query));
  }
  if (query.status == QueryStatus::kChaos) {
    return done(write_identity(query.buffer, query.limit(), query.message, query.packet, parts_.names));
  }
  return kNext;
}

// Whoever may not ask has no business here: over UDP, where the address may be forged, an answer is hardly
// longer than its question.
size_t Pipeline::refuse_stranger(Query& query) noexcept {
  const std::string_view why = "this resolver does not serve your network";
  return error(query, Rcode::kRefused, Ede::kProhibited, query.is_datagram() ? std::string_view() : why);
}

// What the answer's OPT will carry.
void Pipeline::choose_options(Query& query) noexcept {
  const Edns& edns = query.message.edns;
  ReplyOptions& reply = query.message.reply;
  if (edns.cookie_size != 0) {
    reply.has_cookie = true;
    reply.cookie = cookies_.make(Bytes(edns.cookie).first(kClientCookieBytes), query.asker.address,
                                 static_cast<uint32_t>(query.asker.unix_time));
  }
  reply.pads = edns.pads && query.is_encrypted();  // RFC 7830 section 4; in clear it would only cost
  reply.keepalive = edns.keeps_open ? query.path.keepalive : uint16_t{0};
  choose_nsid(query);
}

// Again for a query that has waited: the settings may be others by now.
void Pipeline::choose_nsid(Query& query) const noexcept {
  query.message.reply.nsid = query.message.edns.asks_nsid ? parts_.names.identity : std::string_view();
}

bool Pipeline::is_exempt(const IpAddress& client) const noexcept {
  return std::any_of(parts_.admission.exempt.begin(), parts_.admission.exempt.end(),
                     [&](const Prefix& block) { return block.contains(client); });
}

// Has the client shown a cookie of ours, and so that its address is not forged (RFC 7873 section 5.2.4)?
bool Pipeline::is_proven(const Query& query) const noexcept {
  const Edns& edns = query.message.edns;
  return cookies_.is_good(Bytes(edns.cookie).first(edns.cookie_size), query.asker.address,
                          static_cast<uint32_t>(query.asker.unix_time));
}

// Only datagrams have forged addresses. A stranger gets few answers, whatever the configuration says.
Pipeline::Step Pipeline::limit(Query& query) noexcept {
  RateLimiter& limiter = query.is_stranger ? *parts_.refusal_limiter : *parts_.limiter;
  if (!limiter.is_on() || !query.is_datagram() || is_exempt(query.asker.address) ||
      (!query.is_stranger && is_proven(query))) {
    return kNext;
  }
  const auto verdict = limiter.judge(query.asker.address, loop_.now());
  if (verdict == RateLimiter::Verdict::kAnswer) {
    return kNext;
  }
  counters_.rate_limited.add();
  const bool is_whole = query.status == QueryStatus::kOk || query.status == QueryStatus::kChaos;
  if (verdict == RateLimiter::Verdict::kDrop || !is_whole) {
    return done(0);
  }
  AnswerWriter answer(query.buffer, query.limit(), query.message, query.packet);
  return done(answer.finish(Rcode::kNoError, flag::kTc));
}

}  // namespace cenote
