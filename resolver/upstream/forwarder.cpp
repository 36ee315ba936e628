#include "resolver/upstream/forwarder.h"

#include "resolver/dns/records.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// Replies to so many of a question's attempts are believed at a time: each more is another id and port for
// somebody who forges one. The last ones suffice, for a slow resolver answers all that it was asked.
constexpr unsigned kMostBelieved = 3;

void fail_with(UpstreamError why, Resolution& resolution) {
  resolution.answered = true;
  resolution.response = {};
  resolution.response.error = std::move(why);
}

// Does the header say that the server does not understand the question, for its EDNS perhaps?
bool is_not_understood(Bytes message) noexcept {
  const auto rcode = static_cast<Rcode>(u16_at(message, 2) & flag::kRcode);
  return rcode == Rcode::kFormErr || rcode == Rcode::kNotImp;
}

// REQUIRES: the message has a header (the transport checked it).
ReplyKind judge(Bytes message, const UpstreamQuestion& question, const Attempt& attempt, bool trusts_ad,
                Resolution& resolution) {
  resolution.answered = resolution.is_guarded = false;
  const uint16_t flags = u16_at(message, 2);
  if ((flags & flag::kTc) != 0 && !attempt.over_stream) {
    return ReplyKind::kTruncated;
  }
  if (is_bare_reply(message) || (attempt.has_edns && is_not_understood(message))) {
    fail_with({Ede::kOther, "an upstream does not understand the question"}, resolution);
    const auto rcode = static_cast<Rcode>(flags & flag::kRcode);
    resolution.response.rcode = rcode == Rcode::kRefused ? rcode : Rcode::kServFail;
    return attempt.has_edns ? ReplyKind::kNotUnderstood : ReplyKind::kBad;
  }
  // A stream has room for all that there is (RFC 7766 section 8), so this is half an answer, or none.
  if ((flags & flag::kTc) != 0) {
    fail_with({Ede::kInvalidData, "an upstream cut its answer short over a stream, too"}, resolution);
    return ReplyKind::kBad;
  }
  const ScrubStatus status = scrub_response(message, question.dnssec_ok, resolution.response);
  if (status == ScrubStatus::kMalformed) {
    fail_with({Ede::kInvalidData, "an upstream's answer is malformed"}, resolution);
    return attempt.over_stream ? ReplyKind::kNonsense : ReplyKind::kGarbled;
  }
  resolution.answered = true;
  if (status != ScrubStatus::kOk) {
    return ReplyKind::kBad;  // the response says why
  }
  if (resolution.response.rcode == Rcode::kBadVers && attempt.has_edns) {
    return ReplyKind::kNotUnderstood;
  }
  if (trusts_ad && (flags & flag::kAd) != 0) {
    resolution.response.message[3] |= flag::kAd;
  }
  return resolution.response.is_failure() ? ReplyKind::kBad : ReplyKind::kGood;
}

// Null for a server in clear. An encrypted one is authenticated or not spoken to: by its name, its address or
// its key (RFC 8310 section 5, the strict profile).
Result<std::unique_ptr<TlsContext>> tls_of(const UpstreamServer& server) {
  const bool is_https = server.scheme == UpstreamServer::Scheme::kHttps;
  if (!is_https && server.scheme != UpstreamServer::Scheme::kTls) {
    return std::unique_ptr<TlsContext>();
  }
  TlsClientTrust trust;
  trust.host_name = server.tls_name.empty() ? server.address.address().to_text() : server.tls_name;
  trust.ca_file = server.ca_file;
  trust.spki_pins = server.tls_pins;
  trust.alpn = {is_https ? "h2" : "dot"};
  auto context = TlsContext::client(std::move(trust));
  if (!context) {
    return context.error();
  }
  return std::make_unique<TlsContext>(std::move(*context));
}

std::string unusable(const UpstreamServer& server, const Error& why) {
  return "upstream " + server.address.to_text() + ": " + why.message;
}

std::optional<HttpEndpoint> endpoint_of(const UpstreamServer& server) {
  constexpr uint16_t kHttpsPort = 443;
  if (server.scheme != UpstreamServer::Scheme::kHttps) {
    return std::nullopt;
  }
  const IpAddress address = server.address.address();
  const std::string host = !server.tls_name.empty() ? server.tls_name
                           : address.is_v4()        ? address.to_text()
                                                    : "[" + address.to_text() + "]";
  const uint16_t port = server.address.port();
  return HttpEndpoint{port == kHttpsPort ? host : host + ":" + std::to_string(port), server.path};
}

}  // namespace

std::vector<std::string> unusable_servers(const UpstreamSettings& settings) {
  std::vector<std::string> found;
  for (const UpstreamZone& zone : settings.zones) {
    for (const UpstreamServer& server : zone.servers) {
      if (const auto tls = tls_of(server); !tls) {
        found.push_back(unusable(server, tls.error()));
      }
    }
  }
  return found;
}

std::unique_ptr<Forwarder> Forwarder::make(Loop& loop, const UpstreamSettings& settings, Random& random,
                                           ResolutionEvents& events, ServerMemories* memories) {
  std::unique_ptr<Forwarder> forwarder(new Forwarder(loop, settings, random, events));
  forwarder->open_transports(memories);
  return forwarder;
}

Forwarder::Forwarder(Loop& loop, const UpstreamSettings& settings, Random& random, ResolutionEvents& events)
    : loop_(loop), random_(random), events_(events), pool_(settings), timer_(loop, [this] { on_time(); }) {}

Forwarder::~Forwarder() = default;

void Forwarder::open_transports(ServerMemories* memories) {
  TransportEvents& events = *this;
  for (uint16_t i = 0; i < pool_.size(); ++i) {
    const UpstreamServer& server = pool_.server(i);
    Server& made = servers_.emplace_back();
    auto tls = tls_of(server);
    if (!tls) {
      excluded_.push_back(unusable(server, tls.error()));
      pool_.exclude(i);
      tls_.emplace_back();
      continue;
    }
    made.memory = memories != nullptr ? memories->of(server) : std::make_shared<ServerMemory>(server.cookies);
    if (server.scheme == UpstreamServer::Scheme::kUdp) {
      if (server.mix_case || server.cookies) {
        made.echo = std::make_unique<Echo>(server.mix_case, server.cookies, random_, made.memory);
      }
      made.udp = std::make_unique<UdpTransport>(loop_, server.address, random_, events, made.echo.get());
    }
    made.stream = std::make_unique<StreamTransport>(
        loop_, StreamServer{server.address, tls->get(), endpoint_of(server), made.echo.get()}, random_,
        events);
    tls_.push_back(std::move(*tls));
  }
}

bool Forwarder::asks_some(uint16_t zone) const noexcept {
  const auto& servers = pool_.servers_of(zone);
  return std::any_of(servers.begin(), servers.end(), [this](uint16_t server) { return is_asked(server); });
}

bool Forwarder::asks(uint16_t zone, const SocketAddress& address) const noexcept {
  const auto& servers = pool_.servers_of(zone);
  return std::any_of(servers.begin(), servers.end(), [&](uint16_t server) {
    return is_asked(server) && pool_.server(server).address == address;
  });
}

bool Forwarder::can_replace(const Forwarder& other) const noexcept {
  for (uint16_t zone = 0; zone < pool_.zone_count(); ++zone) {
    const auto before = other.zone_of(pool_.zone_name(zone));
    if (!before || !other.asks_some(*before)) {
      continue;
    }
    const auto& servers = pool_.servers_of(zone);
    const bool is_the_same = other.pool_.zone_name(*before) == pool_.zone_name(zone);
    const bool loses_one = is_the_same && std::any_of(servers.begin(), servers.end(), [&](uint16_t server) {
                             const SocketAddress& address = pool_.server(server).address;
                             return other.asks(*before, address) && !asks(zone, address);
                           });
    if (loses_one || !asks_some(zone)) {
      return false;
    }
  }
  return true;
}

Handle Forwarder::resolve(uint16_t zone, const UpstreamQuestion& question, uint64_t cookie,
                          MonoTime deadline) {
  const MonoTime now = loop_.now();
  const Handle handle = active_.add();
  Active& active = *active_.find(handle);
  auto candidates = pool_.candidates(zone, now);
  for (Exchange::Candidate& candidate : candidates) {
    // Without EDNS there are no signatures: for who wants them it is tried each time.
    candidate.is_simple = !question.dnssec_ok && servers_[candidate.server].memory->is_simple(now);
  }
  active.exchange = Exchange({candidates.data(), candidates.size()}, deadline);
  active.question = question;
  active.cookie = cookie;
  active.trusts_ad = pool_.trusts_ad(zone);
  if (!carry_out(handle, active, active.exchange.start(now))) {
    loop_.post([this, handle] { fail(handle); });  // the caller is told in the next turn
  }
  return handle;
}

void Forwarder::abandon(Handle exchange) noexcept {
  if (const Active* active = active_.find(exchange)) {
    cancel(exchange, *active);
    active_.erase(exchange);
  }
}

Sending Forwarder::send(Handle handle, Active& active, const Exchange::Action& action) {
  const bool over_stream = action.kind == Exchange::Action::Kind::kSendStream;
  const unsigned number = active.exchange.attempts();
  const Attempt attempt{handle, action.server, over_stream, action.has_edns, loop_.now()};
  active.current = action.server;
  Server& server = servers_[action.server];
  pool_.on_sent(action.server);
  if (number > kMostBelieved) {
    cancel(active.tries[number - 1 - kMostBelieved]);
  }
  Try& made = active.tries.emplace_back(Try{action.server, over_stream, {}});
  if (over_stream) {
    return server.stream->send(attempt, active.question) ? Sending::kSent : Sending::kNoRoom;
  }
  const UdpTransport::Sent sent = server.udp->send(attempt, active.question);
  made.question = sent.question;
  return sent.result;
}

void Forwarder::act(Handle handle, Exchange::Action action) {
  Active* active = active_.find(handle);
  if (active != nullptr && !carry_out(handle, *active, action)) {
    fail(handle);
  }
}

// False: it has failed.
bool Forwarder::carry_out(Handle handle, Active& active, Exchange::Action action) {
  using Kind = Exchange::Action::Kind;
  const MonoTime now = loop_.now();
  while (action.kind == Kind::kSendDatagram || action.kind == Kind::kSendStream) {
    const Sending sent = send(handle, active, action);
    active.expects_reply = sent == Sending::kSent;
    if (sent == Sending::kNoWay) {
      pool_.on_unreachable(action.server, now);
      action = active.exchange.on_unreachable(action.server, now);
    } else if (sent == Sending::kHeldBack) {
      action = active.exchange.on_closed(action.server, now);  // the next datagram may pass
    } else {
      break;  // for want of room a whole wait passes, so that a machine at its limits does not spin
    }
  }
  if (action.kind == Kind::kFail) {
    return false;
  }
  if (action.wait > milliseconds{0}) {
    active.expects_reply = active.expects_reply && action.kind != Kind::kPause;
    deadlines_.push({now + action.wait, handle, ++active.timer});
    arm();
  }
  return true;
}

void Forwarder::fail(Handle handle) {
  if (Active* active = active_.find(handle)) {
    Resolution bad = std::move(active->bad);
    finish(handle, bad);
  }
}

bool Forwarder::on_response(const Attempt& attempt, Bytes message) {
  Active* active = active_.find(attempt.exchange);
  if (active == nullptr) {
    return true;
  }
  const MonoTime now = loop_.now();
  const ReplyKind kind = judge(message, active->question, attempt, active->trusts_ad, judged_);
  if (attempt.server == active->current) {
    active->expects_reply = false;  // it is not silent, whatever it says
  }
  if (kind == ReplyKind::kBad) {
    const bool refuses =
        judged_.answered && judged_.response.rcode == Rcode::kRefused && !active->question.is_probe;
    pool_.on_bad(attempt.server, refuses, now);
  } else if (kind == ReplyKind::kGood || kind == ReplyKind::kTruncated) {
    pool_.on_answered(attempt.server, std::chrono::duration_cast<milliseconds>(now - attempt.sent), now);
  }
  const Exchange::Action action = active->exchange.on_reply(attempt.server, kind, now);
  if (action.kind == Exchange::Action::Kind::kSucceed) {
    ServerMemory& memory = *servers_[attempt.server].memory;
    if (attempt.has_edns) {
      memory.note_understood(now);
    } else if (active->exchange.has_minded(attempt.server)) {
      memory.note_simple(now);
    }
    finish(attempt.exchange, judged_, 1);
    return true;
  }
  if (judged_.answered) {
    active->bad = std::move(judged_);
  }
  act(attempt.exchange, action);
  return kind != ReplyKind::kGarbled && kind != ReplyKind::kNotUnderstood;
}

void Forwarder::on_unreachable(const Attempt& attempt) {
  if (Active* active = active_.find(attempt.exchange)) {
    const MonoTime now = loop_.now();
    pool_.on_unreachable(attempt.server, now);
    act(attempt.exchange, active->exchange.on_unreachable(attempt.server, now));
  }
}

void Forwarder::on_closed(const Attempt& attempt) {
  if (Active* active = active_.find(attempt.exchange)) {
    const MonoTime now = loop_.now();
    pool_.on_silent(attempt.server, now);
    act(attempt.exchange, active->exchange.on_closed(attempt.server, now));
  }
}

// As if it were truncated: the same server over TCP.
void Forwarder::on_doubtful(const Attempt& attempt) {
  if (Active* active = active_.find(attempt.exchange)) {
    act(attempt.exchange, active->exchange.on_reply(attempt.server, ReplyKind::kTruncated, loop_.now()));
  }
}

void Forwarder::on_time() {
  const MonoTime now = loop_.now();
  while (!deadlines_.empty()) {
    const Deadline due = deadlines_.top();
    Active* active = active_.find(due.exchange);
    const bool is_over = active == nullptr || active->timer != due.timer;
    if (due.at > now && !is_over) {
      break;
    }
    deadlines_.pop();
    if (!is_over) {
      if (std::exchange(active->expects_reply, false)) {
        pool_.on_silent(active->current, now);
      }
      act(due.exchange, active->exchange.on_timeout(now));
    }
  }
  arm();
}

void Forwarder::arm() {
  if (deadlines_.empty()) {
    timer_.stop();
    return;
  }
  const MonoTime due = deadlines_.top().at;
  if (timer_.is_active() && timer_due_ <= due) {
    return;  // most questions come after others that are due before them
  }
  timer_due_ = due;
  timer_.start(std::max(std::chrono::ceil<milliseconds>(due - loop_.now()), milliseconds{1}));
}

// `answered`: of so many of its attempts the transports have let go themselves.
void Forwarder::finish(Handle handle, Resolution& resolution, size_t answered) {
  Active* active = active_.find(handle);
  const uint64_t cookie = active->cookie;
  if (active->exchange.attempts() > answered) {
    cancel(handle, *active);
  }
  active_.erase(handle);
  events_.on_resolved(cookie, resolution);
}

void Forwarder::cancel(Handle handle, const Active& active) noexcept {
  for (const Try& each : active.tries) {
    cancel(each);
    if (each.over_stream) {
      servers_[each.server].stream->cancel(handle);
    }
  }
}

// Over a stream a reply is nobody else's, and so is believed until the end.
void Forwarder::cancel(const Try& made) noexcept {
  if (!made.over_stream) {
    servers_[made.server].udp->cancel(made.question);
  }
}

}  // namespace cenote
