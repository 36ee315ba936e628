#include "resolver/upstream/forwarder.h"

#include "resolver/dns/records.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// Replies to so many of a question's attempts are believed at a time: each more is another id and port for
// somebody who forges one. The last ones suffice, for a slow resolver answers all that it was asked.
constexpr unsigned kMostBelieved = 3;

// REQUIRES: the message has a header (the transport checked it).
ReplyKind judge(Bytes message, const UpstreamQuestion& question, bool over_stream, bool trusts_ad,
                Resolution& resolution) {
  resolution.answered = false;
  const uint16_t flags = u16_at(message, 2);
  if ((flags & flag::kTc) != 0 && !over_stream) {
    return ReplyKind::kTruncated;
  }
  // A stream has room for all that there is (RFC 7766 section 8), so this is half an answer, or none.
  if ((flags & flag::kTc) != 0) {
    resolution.answered = true;
    resolution.response = {};
    resolution.response.error = {Ede::kInvalidData, "an upstream cut its answer short over a stream, too"};
    return ReplyKind::kBad;
  }
  const ScrubStatus status = scrub_response(message, question.dnssec_ok, resolution.response);
  if (status != ScrubStatus::kOk) {
    resolution.answered = status == ScrubStatus::kBadRdata;  // the response says why it is a failure
    return ReplyKind::kBad;
  }
  resolution.answered = true;
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
                                           ResolutionEvents& events, EchoMemories* echoes) {
  std::unique_ptr<Forwarder> forwarder(new Forwarder(loop, settings, random, events));
  forwarder->open_transports(echoes);
  return forwarder;
}

Forwarder::Forwarder(Loop& loop, const UpstreamSettings& settings, Random& random, ResolutionEvents& events)
    : loop_(loop), random_(random), events_(events), pool_(settings), timer_(loop, [this] { on_time(); }) {}

Forwarder::~Forwarder() = default;

void Forwarder::open_transports(EchoMemories* echoes) {
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
    if (server.scheme == UpstreamServer::Scheme::kUdp) {
      if (server.mix_case || server.cookies) {
        made.echo = std::make_unique<Echo>(server.mix_case, server.cookies, random_,
                                           echoes != nullptr ? echoes->of(server) : nullptr);
      }
      made.udp = std::make_unique<UdpTransport>(loop_, server.address, random_, events, made.echo.get());
    }
    made.stream = std::make_unique<StreamTransport>(loop_, server.address, tls->get(), random_, events,
                                                    endpoint_of(server), made.echo.get());
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

Handle Forwarder::resolve(uint16_t zone, const UpstreamQuestion& question, uint64_t cookie) {
  const MonoTime now = loop_.now();
  const Handle handle = active_.add();
  Active& active = *active_.find(handle);
  const auto candidates = pool_.candidates(zone, now);
  active.exchange = Exchange({candidates.data(), candidates.size()}, now);
  active.question = question;
  active.cookie = cookie;
  active.trusts_ad = pool_.trusts_ad(zone);
  const Exchange::Action first = active.exchange.start(now);
  if (first.kind == Exchange::Action::Kind::kFail) {
    // Not inside the caller's call: it is told in the next turn.
    loop_.post([this, handle] { act(handle, {Exchange::Action::Kind::kFail, 0, {}}); });
    return handle;
  }
  act(handle, first);
  return handle;
}

void Forwarder::abandon(Handle exchange) noexcept {
  if (const Active* active = active_.find(exchange)) {
    cancel(exchange, *active);
    active_.erase(exchange);
  }
}

bool Forwarder::send(Handle handle, Active& active, const Exchange::Action& action) {
  const bool over_stream = action.kind == Exchange::Action::Kind::kSendStream;
  const Attempt attempt{handle, action.server, over_stream, loop_.now(), active.exchange.attempts()};
  active.current = action.server;
  if (std::find(active.asked.begin(), active.asked.end(), action.server) == active.asked.end()) {
    active.asked.push_back(action.server);
  }
  Server& server = servers_[action.server];
  pool_.on_sent(action.server);
  if (attempt.number > kMostBelieved) {
    for (const uint16_t asked : active.asked) {
      if (servers_[asked].udp) {
        servers_[asked].udp->cancel(handle, attempt.number - kMostBelieved);
      }
    }
  }
  return over_stream ? server.stream->send(attempt, active.question)
                     : server.udp->send(attempt, active.question);
}

void Forwarder::act(Handle handle, Exchange::Action action) {
  using Kind = Exchange::Action::Kind;
  Active* active = active_.find(handle);
  if (active == nullptr) {
    return;
  }
  switch (action.kind) {
    case Kind::kSendDatagram:
    case Kind::kSendStream: {
      // What cannot even be sent is handled as silence, so that a broken network cannot make us spin.
      send(handle, *active, action);
      deadlines_.push({loop_.now() + action.wait, handle, ++active->timer});
      arm();
      break;
    }
    case Kind::kFail: {
      Resolution bad = std::move(active->bad);
      finish(handle, bad);
      break;
    }
    case Kind::kWait:
    case Kind::kSucceed:
      break;
  }
}

void Forwarder::on_response(const Attempt& attempt, Bytes message) {
  Active* active = active_.find(attempt.exchange);
  if (active == nullptr) {
    return;
  }
  const MonoTime now = loop_.now();
  const ReplyKind kind = judge(message, active->question, attempt.over_stream, active->trusts_ad, judged_);
  if (kind == ReplyKind::kBad) {
    const bool refuses = judged_.answered && judged_.response.rcode == Rcode::kRefused;
    pool_.on_bad(attempt.server, refuses, now);
  } else {
    pool_.on_answered(attempt.server, std::chrono::duration_cast<milliseconds>(now - attempt.sent), now);
  }
  const Exchange::Action action = active->exchange.on_reply(attempt.server, kind, now);
  if (action.kind == Exchange::Action::Kind::kSucceed) {
    finish(attempt.exchange, judged_, 1);
    return;
  }
  if (kind == ReplyKind::kBad && judged_.answered) {
    active->bad = std::move(judged_);
  }
  act(attempt.exchange, action);
}

void Forwarder::on_unreachable(const Attempt& attempt) {
  Active* active = active_.find(attempt.exchange);
  if (active == nullptr) {
    return;
  }
  const MonoTime now = loop_.now();
  pool_.on_unreachable(attempt.server, now);
  act(attempt.exchange, active->exchange.on_unreachable(attempt.server, now));
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
      pool_.on_silent(active->current, now);
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
  for (const uint16_t server : active.asked) {
    if (servers_[server].udp) {
      servers_[server].udp->cancel(handle);
    }
    servers_[server].stream->cancel(handle);
  }
}

}  // namespace cenote
