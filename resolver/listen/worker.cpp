#include "resolver/listen/worker.h"

#include <utility>

#include "resolver/base/log.h"

namespace cenote {
namespace {

constexpr seconds kStopPatience{2};

TlsClientAuthority dot_clients(const TlsFiles& files) {
  return {.ca_file = files.client_ca, .demands = false};
}
// Nobody is asked for a certificate over HTTPS: browsers give up when they are (Chromium 156).
const TlsClientAuthority kNoClients{};

}  // namespace

Worker::Worker(const WorkerSettings& settings, EventRing& events,
               std::function<void(const Event&)> on_indirect_block)
    : settings_(settings),
      policy_(settings.policy),
      cache_(settings.cache, settings.cache_bytes),
      blocked_answer_(settings.policy, settings.contact),
      pipeline_(loop_, {policy_, cache_, events, blocked_answer_, settings.incident_key,
                        std::move(on_indirect_block), &recent_, settings.names, settings.admission,
                        settings.rebinding, settings.cookie_secrets}) {}

Worker::~Worker() {
  join();
}

Result<void> Worker::open() {
  auto forwarder = Forwarder::make(loop_, settings_.upstream, random_, pipeline_.resolution_events());
  if (!forwarder) {
    return forwarder.error();
  }
  forwarder_ = std::move(*forwarder);
  pipeline_.connect(*forwarder_);
  for (const SocketAddress& address : settings_.listen.dns) {
    auto udp = UdpListener::open(loop_, address, pipeline_, Proxies(settings_.listen.proxies));
    if (!udp) {
      return udp.error();
    }
    udp_.push_back(std::move(*udp));
    auto tcp = StreamService::open(loop_, address, nullptr, pipeline_, {}, Proxies(settings_.listen.proxies),
                                   settings_.places);
    if (!tcp) {
      return tcp.error();
    }
    streams_.push_back(std::move(*tcp));
  }
  return open_encrypted(settings_.listen);
}

// What is not open yet: at the start, and at a reload what had no usable certificate until then.
Result<void> Worker::open_encrypted(const ListenSettings& listen) {
  if (dot_tls_ == nullptr && !listen.dot.empty()) {
    if (auto opened = open_dot(listen); !opened) {
      return opened;
    }
  }
  return doh_tls_ == nullptr && !listen.doh.empty() ? open_doh(listen) : Result<void>();
}

Result<void> Worker::open_dot(const ListenSettings& listen) {
  auto tls = TlsContext::server(listen.tls.certificate, listen.tls.key, {"dot"}, settings_.tickets,
                                dot_clients(listen.tls));
  if (!tls) {
    return tls.error();
  }
  auto context = std::make_unique<TlsContext>(std::move(*tls));
  std::vector<std::unique_ptr<StreamService>> services;
  for (const SocketAddress& address : listen.dot) {
    auto dot = StreamService::open(loop_, address, context.get(), pipeline_, {}, Proxies(listen.proxies),
                                   settings_.places);
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
  auto tls = TlsContext::server(listen.tls.certificate, listen.tls.key, {"h2", "http/1.1"}, settings_.tickets,
                                kNoClients);
  if (!tls) {
    return tls.error();
  }
  auto context = std::make_unique<TlsContext>(std::move(*tls));
  auto service = std::make_unique<DohService>(loop_, pipeline_, HttpLimits{}, settings_.places);
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

void Worker::reload_certificates(const TlsFiles& files) {
  const auto reload = [&](TlsContext* tls, const TlsClientAuthority& clients) {
    if (tls == nullptr) {
      return;
    }
    if (auto reloaded = tls->reload(files.certificate, files.key, clients); !reloaded) {
      log::error("{}; what was shown and believed before stays in use", reloaded.error().message);
    }
  };
  reload(dot_tls_.get(), dot_clients(files));
  reload(doh_tls_.get(), kNoClients);
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
    if (!(settings.upstream == settings_.upstream)) {
      replace_upstream(settings.upstream);
    }
    reload_certificates(settings.listen.tls);
    pipeline_.reload(settings.names, settings.admission, settings.rebinding, settings.cookie_secrets);
    settings_ = settings;
    if (auto opened = open_encrypted(settings_.listen); !opened) {
      log::error("{}", opened.error().message);
    }
    if (doh_) {
      doh_->name_by_path(settings_.policy.clients.names_by_path);
    }
  });
}

void Worker::replace_upstream(const UpstreamSettings& upstream) {
  auto forwarder = Forwarder::make(loop_, upstream, random_, pipeline_.resolution_events());
  if (!forwarder) {
    log::error("{}; the upstreams stay as they were", forwarder.error().message);
    return;
  }
  // The old one finishes what it has in hand. The cache goes, for what another server said is not this one's
  // word.
  std::erase_if(retired_, [](const auto& old) { return old->waiting() == 0; });
  {
    const std::lock_guard lock(servers_mutex_);
    retired_.push_back(std::exchange(forwarder_, std::move(*forwarder)));
  }
  pipeline_.connect(*forwarder_);
  cache_.clear();
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
      doh_->stop(kStopPatience);
    }
    stop_deadline_ = mono_now() + kStopPatience;
    stopping_ = std::make_unique<Timer>(loop_, [this] { finish_when_idle(); });
    stopping_->start(milliseconds{0}, milliseconds{20});
  });
}

void Worker::finish_when_idle() {
  const bool connected = (doh_ && doh_->connections() != 0) ||
                         std::any_of(streams_.begin(), streams_.end(),
                                     [](const auto& service) { return service->connections() != 0; });
  const bool idle = pipeline_.waiting() == 0 && !connected;
  if (idle || mono_now() >= stop_deadline_) {
    stopping_->stop();
    loop_.stop();
  }
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
