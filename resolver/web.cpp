#include "resolver/web.h"

#include <algorithm>

#include "resolver/base/descriptors.h"
#include "resolver/base/log.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

constexpr milliseconds kStopGrace{1000};      // DNS is answered meanwhile
constexpr milliseconds kFollowInterval{100};  // how soon those who follow the hits see a new one

// Each address goes out of `left` as it is bound.
Result<void> bind_all(HttpServer& server, std::vector<SocketAddress>& left, const TlsContext* tls) {
  while (!left.empty()) {
    if (auto bound = server.listen(left.front(), tls); !bound) {
      return bound;
    }
    left.erase(left.begin());
  }
  return {};
}

}  // namespace

Web::Web(const Settings& settings, EventRing& events, const History& history, uint64_t incident_key,
         Faults& faults)
    : settings_(settings),
      events_(events),
      history_(history),
      incident_key_(incident_key),
      faults_(faults),
      policy_(std::make_unique<Policy>(settings.policy)),
      newest_settings_(settings.policy),
      page_places_(ClientPlaces::make(places_for(settings.connections))),
      control_places_(ClientPlaces::make(places_for(settings.connections))),
      unbound_page_(settings.blockpage.https),
      unbound_control_(settings.control.https) {}

// The page and the API each have their own places, fewer than DNS has.
ClientPlaces::Limits Web::places_for(const ConnectionSettings& connections) {
  const HttpLimits limits;
  const auto a_quarter = static_cast<size_t>(first_kept_descriptor()) / 4;
  return {.connections_per_client = std::min<size_t>(connections.per_client, a_quarter),
          .handshakes_per_second = limits.handshakes_per_second,
          .connections = std::min({limits.connections, size_t{connections.in_all}, a_quarter})};
}

Web::~Web() {
  join();
}

Result<void> Web::open(ControlBackend& backend) {
  auto page = Page::load(settings_.blockpage);
  if (!page) {
    return page.error();
  }
  IncidentSource& incidents = *this;
  site_ = std::make_unique<BlockSite>(settings_.blockpage, std::move(*page), incidents,
                                      [this](const Event& event) { events_.push(event); });
  page_server_ = std::make_unique<HttpServer>(loop_, *site_, HttpLimits(), page_places_);
  for (const SocketAddress& address : settings_.blockpage.http) {
    if (auto bound = page_server_->listen(address); !bound) {
      return bound.error().within("block page");
    }
  }
  if (!settings_.blockpage.https.empty()) {
    if (auto opened = open_secure_page(Authority::open(settings_.blockpage, wall_now())); !opened) {
      return opened;
    }
  }
  return open_control(backend);
}

// Without an authority the page is there over HTTP, and DNS does not notice.
Result<void> Web::open_secure_page(Result<Authority> authority) {
  if (!authority) {
    faults_.off(Part::kPageHttps, authority.error().message);
    return {};
  }
  certificates_ = std::make_unique<Certificates>(
      std::move(*authority), [this](const Name& host) { return is_blocked_for_anyone(host); });
  auto tls = TlsContext::server(*certificates_, {"h2", "http/1.1"});
  if (!tls) {
    return tls.error();
  }
  tls_ = std::make_unique<TlsContext>(std::move(*tls));
  return bind_secure_page();
}

Result<void> Web::bind_secure_page() {
  if (auto bound = bind_all(*page_server_, unbound_page_, tls_.get()); !bound) {
    return bound.error().within("block page");
  }
  faults_.clear(Part::kPageHttps);
  return {};
}

Result<void> Web::open_control(ControlBackend& backend) {
  api_ = std::make_unique<ControlApi>(backend);
  take_tokens(load_tokens(settings_.control.tokens), false);
  api_->configure(settings_.control);
  control_server_ = std::make_unique<HttpServer>(loop_, *api_, HttpLimits(), control_places_);
  if (!settings_.control.socket.empty()) {
    if (auto bound = control_server_->listen(settings_.control.socket); !bound) {
      return bound.error().within("control socket");
    }
  }
  for (const SocketAddress& address : settings_.control.http) {
    if (auto bound = control_server_->listen(address); !bound) {
      return bound.error().within("control API");
    }
  }
  if (auto opened = open_secure_control(settings_.control); !opened) {
    return opened;
  }
  follow_ = std::make_unique<Timer>(loop_, [this] { api_->tick(); });
  follow_->start(kFollowInterval, kFollowInterval);
  return {};
}

Result<void> Web::open_secure_control(const ControlSettings& control) {
  if (settings_.control.https.empty()) {
    return {};
  }
  auto tls = TlsContext::server(control.certificate, control.key, {"h2", "http/1.1"}, nullptr,
                                {.ca_file = control.client_ca});
  if (!tls) {
    faults_.off(Part::kControlHttps, tls.error().within("control.tls").message);
    return {};
  }
  control_tls_ = std::make_unique<TlsContext>(std::move(*tls));
  return bind_secure_control();
}

Result<void> Web::bind_secure_control() {
  if (auto bound = bind_all(*control_server_, unbound_control_, control_tls_.get()); !bound) {
    return bound.error().within("control API");
  }
  faults_.clear(Part::kControlHttps);
  return {};
}

// Tokens of a file with a problem are not taken, not even those without: nobody knows which were meant to go.
void Web::take_tokens(LoadedTokens tokens, bool has_some) {
  if (tokens.problems.empty()) {
    api_->set_tokens(Tokens(std::move(tokens.tokens)));
    faults_.clear(Part::kTokens);
  } else if (has_some) {
    faults_.impaired(Part::kTokens, to_text(tokens.problems.front()) + "; the tokens stay as they were");
  } else {
    faults_.off(Part::kTokens, to_text(tokens.problems.front()) + "; no token is accepted");
  }
}

void Web::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Web::stop() {
  loop_.post([this] {
    follow_.reset();
    api_->stop();
    page_server_->stop(kStopGrace, [this] { end_when_stopped(); });
    control_server_->stop(kStopGrace, [this] { end_when_stopped(); });
  });
}

void Web::end_when_stopped() {
  if (--running_servers_ == 0) {
    loop_.stop();
  }
}

void Web::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Web::adopt(std::shared_ptr<const Snapshot> snapshot) {
  {
    const std::lock_guard lock(newest_mutex_);
    newest_snapshot_ = snapshot;
  }
  if (!thread_.joinable()) {
    policy_->adopt(std::move(snapshot));
    return;
  }
  loop_.post([this, snapshot = std::move(snapshot)]() mutable { policy_->adopt(std::move(snapshot)); });
}

Policy Web::copy_policy() const {
  const std::lock_guard lock(newest_mutex_);
  Policy policy(newest_settings_);
  policy.adopt(newest_snapshot_);
  return policy;
}

void Web::reload(const Settings& settings) {
  {
    const std::lock_guard lock(newest_mutex_);
    newest_settings_ = settings.policy;
  }
  page_places_->set_limits(places_for(settings.connections), mono_now());
  control_places_->set_limits(places_for(settings.connections), mono_now());
  LoadedTokens tokens = load_tokens(settings_.control.tokens);
  // A posted job must be copyable; an authority is not.
  auto authority = std::make_shared<Result<Authority>>(Error{});
  if (!settings_.blockpage.https.empty()) {
    *authority = Authority::open(settings.blockpage, wall_now());
  }
  loop_.post([this, policy = settings.policy, control = settings.control, tokens = std::move(tokens),
              authority = std::move(authority)]() mutable {
    take_tokens(std::move(tokens), !faults_.is_off(Part::kTokens));
    api_->configure(control);
    renew_control_certificate(control);
    renew_authority(std::move(*authority));
    auto renewed = std::make_unique<Policy>(policy);
    renewed->adopt(policy_->share());
    policy_ = std::move(renewed);
  });
}

void Web::renew_control_certificate(const ControlSettings& control) {
  if (!control_tls_) {
    if (auto opened = open_secure_control(control); !opened) {
      faults_.off(Part::kControlHttps, opened.error().message);
    }
    return;
  }
  const auto renewed = control_tls_->reload(control.certificate, control.key, {.ca_file = control.client_ca});
  if (!renewed) {
    faults_.impaired(Part::kControlHttps, fmt::format("control.tls: {}; the certificate stays as it was",
                                                      renewed.error().message));
  } else if (auto bound = bind_secure_control(); !bound) {
    faults_.off(Part::kControlHttps, bound.error().message);
  }
}

void Web::renew_authority(Result<Authority> authority) {
  if (settings_.blockpage.https.empty()) {
    return;
  }
  if (!certificates_) {
    if (auto opened = open_secure_page(std::move(authority)); !opened) {
      faults_.off(Part::kPageHttps, opened.error().message);
    }
    return;
  }
  if (!authority) {
    faults_.impaired(Part::kPageHttps, authority.error().message + "; the authority stays as it was");
    return;
  }
  certificates_->adopt(std::move(*authority));
  if (auto bound = bind_secure_page(); !bound) {
    faults_.off(Part::kPageHttps, bound.error().message);
  }
}

// Policy speaks first, for an exception may have lifted the block since; the hit gives time and incident
// number.
std::optional<Incident> Web::find(const IpAddress& client, const Name& host, Now time) {
  const auto hit = history_.find_recent(client, host, time.wall - kHitExplains);
  // What a client is called its questions say, and no browser: the hit has kept it.
  const std::string_view called = hit ? std::string_view(hit->client_name) : std::string_view();
  const uint16_t group = policy_->clients().group_of(client, called);
  const Verdict verdict = policy_->decide(host, {client, group, unix_seconds(time.wall)});
  if (verdict.blocks()) {
    const WallTime when = hit ? hit->time : time.wall;
    return Incident{IncidentId::make(incident_key_, client, host, when), when, client, host, verdict};
  }
  const auto indirect = indirect_.find(client, host, time.wall);
  if (!indirect || !is_still_blocked(*policy_, *indirect, time.wall)) {
    return std::nullopt;
  }
  return Incident{indirect->incident, indirect->time, client, host, indirect->verdict};
}

// A certificate may be asked for by a client of any group.
bool Web::is_blocked_for_anyone(const Name& host) const {
  const WallTime time = wall_now();
  const auto blocked_for = [&](uint16_t group) {
    return policy_->decide(host, {IpAddress(), group, unix_seconds(time)}).blocks();
  };
  if (blocked_for(kNoGroup)) {
    return true;
  }
  for (uint16_t group = 0; group < policy_->clients().groups().size(); ++group) {
    if (blocked_for(group)) {
      return true;
    }
  }
  const std::vector<Event> hits = indirect_.find(host, time);
  return std::any_of(hits.begin(), hits.end(),
                     [&](const Event& hit) { return is_still_blocked(*policy_, hit, time); });
}

}  // namespace cenote
