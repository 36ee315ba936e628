#include "resolver/listen/worker.h"

#include <utility>

#include "resolver/base/log.h"

namespace cenote {
namespace {

constexpr seconds kStopPatience{2};
constexpr milliseconds kNewcomersPatience{100};  // what most upstreams answer within

TlsClientAuthority dot_clients(const TlsFiles& files) {
  return {.ca_file = files.client_ca, .demands = false};
}
// Nobody is asked for a certificate over HTTPS: browsers give up when they are (Chromium 156).
const TlsClientAuthority kNoClients{};

std::string joined(const std::vector<std::string>& problems) {
  return fmt::format("{}", fmt::join(problems, "; "));
}

// No query of the pipeline's has this cookie.
constexpr uint64_t kNobody = UINT64_MAX;

// Those that a server must be up of for most names to resolve: the root's. Without it, all.
std::vector<uint16_t> widest_zones(const ServerPool& pool) {
  std::vector<uint16_t> zones;
  for (uint16_t zone = 0; zone < pool.zone_count(); ++zone) {
    if (pool.zone_name(zone).is_root()) {
      return {zone};
    }
    zones.push_back(zone);
  }
  return zones;
}

}  // namespace

Worker::Worker(const WorkerSettings& settings, EventRing& events,
               std::function<void(const Event&)> on_indirect_block)
    : settings_(settings),
      policy_(settings.policy),
      blocked_answer_(settings.policy, settings.contact),
      pipeline_(loop_,
                {policy_, *settings_.shared.cache, events, blocked_answer_, settings.incident_key,
                 std::move(on_indirect_block), &recent_, settings.names, settings.admission,
                 settings.rebinding, settings.cookie_secrets, settings.shared.questions,
                 settings.shared.limiter, settings.shared.refusal_limiter, settings.shared.configuration}) {}

Worker::~Worker() {
  join();
}

Result<void> Worker::open() {
  forwarder_ = Forwarder::make(loop_, settings_.upstream, random_, pipeline_.resolution_events(),
                               settings_.shared.memories.get());
  pipeline_.connect(*forwarder_);
  tell_of_upstreams(joined(forwarder_->excluded()));
  for (const SocketAddress& address : settings_.listen.dns) {
    auto udp = UdpListener::open(loop_, address, pipeline_, Proxies(settings_.listen.proxies));
    if (!udp) {
      return udp.error();
    }
    udp_.push_back(std::move(*udp));
    auto tcp = StreamService::open(loop_, address, nullptr, pipeline_, {}, Proxies(settings_.listen.proxies),
                                   settings_.shared.places);
    if (!tcp) {
      return tcp.error();
    }
    streams_.push_back(std::move(*tcp));
  }
  open_encrypted(settings_.listen);
  set_times();
  return {};
}

void Worker::tell(SharedPart WorkerParts::*part, bool has_it, const std::string& problem) {
  ((*settings_.shared.parts).*part).tell(settings_.number, has_it, problem);
}

// Opens what is not open yet: at the start, and at a reload what had no usable certificate or no free port
// until then. What is open takes the certificates that are there now. Each on its own.
void Worker::open_encrypted(const ListenSettings& listen) {
  const auto renewed = [&](TlsContext& tls, const TlsClientAuthority& clients) {
    const auto reloaded = tls.reload(listen.tls.certificate, listen.tls.key, clients);
    return reloaded ? "" : reloaded.error().message + "; what was shown and believed before stays in use";
  };
  const auto message = [](const Result<void>& opened) { return opened ? "" : opened.error().message; };
  if (!listen.dot.empty()) {
    const std::string problem =
        dot_tls_ ? renewed(*dot_tls_, dot_clients(listen.tls)) : message(open_dot(listen));
    tell(&WorkerParts::dot, dot_tls_ != nullptr, problem);
  }
  if (!listen.doh.empty()) {
    const std::string problem = doh_tls_ ? renewed(*doh_tls_, kNoClients) : message(open_doh(listen));
    tell(&WorkerParts::doh, doh_tls_ != nullptr, problem);
  }
}

Result<void> Worker::open_dot(const ListenSettings& listen) {
  auto tls = TlsContext::server(listen.tls.certificate, listen.tls.key, {"dot"}, settings_.shared.tickets,
                                dot_clients(listen.tls));
  if (!tls) {
    return tls.error();
  }
  auto context = std::make_unique<TlsContext>(std::move(*tls));
  std::vector<std::unique_ptr<StreamService>> services;
  for (const SocketAddress& address : listen.dot) {
    auto dot = StreamService::open(loop_, address, context.get(), pipeline_, {}, Proxies(listen.proxies),
                                   settings_.shared.places);
    if (!dot) {
      return dot.error();
    }
    services.push_back(std::move(*dot));
  }
  dot_tls_ = std::move(context);
  const std::lock_guard lock(listeners_mutex_);
  std::move(services.begin(), services.end(), std::back_inserter(streams_));
  return {};
}

Result<void> Worker::open_doh(const ListenSettings& listen) {
  auto tls = TlsContext::server(listen.tls.certificate, listen.tls.key, {"h2", "http/1.1"},
                                settings_.shared.tickets, kNoClients);
  if (!tls) {
    return tls.error();
  }
  auto context = std::make_unique<TlsContext>(std::move(*tls));
  auto service = std::make_unique<DohService>(loop_, pipeline_, doh_limits(), settings_.shared.places);
  service->name_by_path(settings_.policy.clients.names_by_path);
  for (const SocketAddress& address : listen.doh) {
    if (auto bound = service->listen(address, context.get(), Proxies(listen.proxies)); !bound) {
      return bound;
    }
  }
  doh_tls_ = std::move(context);
  const std::lock_guard lock(listeners_mutex_);
  doh_ = std::move(service);
  return {};
}

void Worker::start() {
  for (const auto& listener : udp_) {
    listener->start();
  }
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot) {
  if (!thread_.joinable()) {  // before start(): the first packet must be under policy
    policy_.adopt(std::move(snapshot));
    generation_.set(policy_.generation());
    return;
  }
  loop_.post([this, snapshot = std::move(snapshot)]() mutable {
    // Let go of the old one here: its last owner sends it to the updater's thread to be freed.
    policy_.adopt(std::move(snapshot));
    generation_.set(policy_.generation());
  });
}

void Worker::reload(const WorkerSettings& settings) {
  loop_.post([this, settings] {
    Policy renewed(settings.policy);
    renewed.adopt(policy_.share());
    policy_ = std::move(renewed);
    blocked_answer_ = BlockedAnswer(settings.policy, settings.contact);
    renew_upstream(settings.upstream);
    pipeline_.reload({settings.names, settings.admission, settings.rebinding, settings.cookie_secrets,
                      settings.shared.limiter, settings.shared.configuration});
    UpstreamSettings in_force = std::move(settings_.upstream);
    settings_ = settings;
    settings_.upstream = std::move(in_force);
    open_encrypted(settings_.listen);
    set_times();
    if (doh_) {
      doh_->name_by_path(settings_.policy.clients.names_by_path);
    }
  });
}

// What can be asked goes on when its new settings cannot be used: they do not replace those in force. A file
// that was missing may be there now.
void Worker::renew_upstream(const UpstreamSettings& upstream) {
  const bool are_the_same = upstream == settings_.upstream;
  if (are_the_same && forwarder_->excluded().empty()) {
    tell_of_upstreams({});
    return;
  }
  auto forwarder = Forwarder::make(loop_, upstream, random_, pipeline_.resolution_events(),
                                   settings_.shared.memories.get());
  if (!forwarder->can_replace(*forwarder_)) {
    tell_of_upstreams(joined(forwarder->excluded()) + "; the upstreams stay as they were");
    return;
  }
  if (!are_the_same || forwarder->excluded() != forwarder_->excluded()) {
    settings_.upstream = upstream;
    replace_forwarder(std::move(forwarder));
  }
  tell_of_upstreams(joined(forwarder_->excluded()));
}

// Of those in force whether any is asked, and `problem` with these or with those that were to replace them.
void Worker::tell_of_upstreams(const std::string& problem) {
  const bool asks_some = forwarder_->excluded().size() < forwarder_->pool().size();
  tell(&WorkerParts::upstreams, asks_some || forwarder_->excluded().empty(), problem);
}

void Worker::replace_forwarder(std::unique_ptr<Forwarder> forwarder) {
  // The old one finishes what it has in hand. What other servers said is in the cache under other numbers.
  std::erase_if(retired_, [](const auto& old) { return old->waiting() == 0; });
  {
    const std::lock_guard lock(servers_mutex_);
    retired_.push_back(std::exchange(forwarder_, std::move(forwarder)));
  }
  pipeline_.connect(*forwarder_);
}

void Worker::finish() {
  loop_.post([this] {
    finish_began_ = loop_.now();
    finishing_ = std::make_unique<Timer>(loop_, [this] { look_for_end(); });
    finishing_->start(milliseconds{0}, milliseconds{5});
  });
}

bool Worker::is_busy() const {
  return pipeline_.waiting() != 0 || (doh_ && doh_->is_busy()) ||
         std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& service) { return service->is_busy(); });
}

void Worker::look_for_end() {
  const auto passed = loop_.now() - finish_began_;
  const bool goes_on = passed < kNewcomersPatience
                           ? is_busy()
                           : passed < kStopPatience && pipeline_.waits_since(finish_began_);
  if (!goes_on) {
    finishing_->stop();
    finished_.set_value();
  }
}

void Worker::wait_until_finished() {
  if (thread_.joinable()) {
    finished_.get_future().wait();
  }
}

void Worker::stop() {
  loop_.post([this] {
    for (const auto& listener : udp_) {
      listener->stop();
    }
    for (const auto& service : streams_) {
      service->stop();
    }
    if (doh_) {
      doh_->stop(milliseconds{0});
    }
    pipeline_.resign();
    loop_.stop();
  });
}

void Worker::set_times() {
  const ConnectionSettings& times = settings_.connections;
  for (const auto& service : streams_) {
    service->set_times(times.first_question, times.idle);
  }
  if (doh_) {
    doh_->set_times(times.first_question, times.idle_https);
  }
}

// Not before some server has answered since the start: until then nobody knows.
bool Worker::can_resolve() const {
  return read_servers([this](const ServerPool& pool) {
    for (uint16_t server = 0; server < pool.size() && !has_resolved_; ++server) {
      has_resolved_ = pool.health(server).answered.value() + pool.health(server).bad.value() != 0;
    }
    const auto zones = widest_zones(pool);
    return has_resolved_ && std::any_of(zones.begin(), zones.end(), [&](uint16_t zone) {
             const auto& servers = pool.servers_of(zone);
             return std::any_of(servers.begin(), servers.end(),
                                [&](uint16_t server) { return pool.health(server).is_down.value() == 0; });
           });
  });
}

void Worker::probe_upstreams() {
  loop_.post([this] {
    for (const uint16_t zone : widest_zones(forwarder_->pool())) {
      // Whoever serves a zone has this; nobody waits for the answer, its coming is what counts.
      forwarder_->resolve(zone, {forwarder_->pool().zone_name(zone), rrtype::kSoa, false, false, true},
                          kNobody);
    }
  });
}

uint64_t Worker::refused_connections() const {
  const std::lock_guard lock(listeners_mutex_);
  uint64_t refused = doh_ ? doh_->refused() : 0;
  for (const auto& service : streams_) {
    refused += service->refused();
  }
  return refused;
}

uint64_t Worker::passed_over() const noexcept {
  uint64_t passed_over = 0;
  for (const auto& listener : udp_) {
    passed_over += listener->counters().passed_over.value();
  }
  return passed_over;
}

void Worker::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

}  // namespace cenote
