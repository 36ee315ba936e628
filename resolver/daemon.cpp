#include "resolver/daemon.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <thread>

#include <unistd.h>

#include "resolver/backend.h"
#include "resolver/base/descriptors.h"
#include "resolver/base/files.h"
#include "resolver/base/log.h"
#include "resolver/base/service_manager.h"
#include "resolver/base/state_lock.h"
#include "resolver/base/text.h"
#include "resolver/encrypted_dns.h"
#include "resolver/listen/designation.h"
#include "resolver/upstream/lookup.h"
#include "resolver/upstream/system_resolvers.h"

namespace cenote {
namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

unsigned count_workers(const Settings& settings) {
  return settings.listen.workers != 0 ? settings.listen.workers
                                      : std::max(1U, std::thread::hardware_concurrency());
}

// Certificates may change under the same address; everything else about it may not.
void warn_of_restart(const Settings& old, const Settings& renewed) {
  ListenSettings listen = renewed.listen;
  listen.tls = old.listen.tls;
  BlockpageSettings blockpage = renewed.blockpage;
  blockpage.ca_certificate = old.blockpage.ca_certificate;
  blockpage.ca_key = old.blockpage.ca_key;
  ControlSettings control = renewed.control;
  control.certificate = old.control.certificate;
  control.key = old.control.key;
  control.client_ca = old.control.client_ca;
  control.hosts = old.control.hosts;
  control.uploads = old.control.uploads;
  if (!(listen == old.listen) || !(blockpage == old.blockpage) || !(control == old.control) ||
      !(renewed.cache == old.cache) || !(renewed.events == old.events) ||
      renewed.state_dir != old.state_dir) {
    log::warn(
        "changes to listen, blockpage, control, cache, events and state_dir take effect at the next start");
  }
}

std::vector<Listener> all_listeners(const Settings& settings) {
  std::vector<Listener> all;
  const auto add = [&](const char* what, const std::vector<SocketAddress>& addresses,
                       std::optional<Part> part = {}) {
    for (const SocketAddress& address : addresses) {
      all.push_back({fmt::format("{} {}", what, address.to_text()), part});
    }
  };
  add("dns", settings.listen.dns);
  add("dot", settings.listen.dot, Part::kDot);
  add("doh", settings.listen.doh, Part::kDoh);
  add("page http", settings.blockpage.http);
  add("page https", settings.blockpage.https, Part::kPageHttps);
  add("control http", settings.control.http);
  add("control https", settings.control.https, Part::kControlHttps);
  return all;
}

// Lists come from hosts that our own upstream servers know: the machine may have no other resolver than us.
IocSettings ioc_settings(const Settings& settings) {
  IocSettings ioc = settings.ioc;
  const UpstreamSettings upstream = with_system_resolvers(settings.upstream, settings.listen.dns);
  if (!upstream.zones.empty()) {
    ioc.resolve = HostResolver([upstream](const std::string& host) { return look_up(upstream, host); });
  }
  return ioc;
}

// A quarter of what all clients may have open, for each of them at most: the rest is left for the others. And
// three quarters for DNS: the block page and the control API are to be reached, too.
ClientPlaces::Limits places_for(const ConnectionSettings& connections) {
  const auto a_quarter = static_cast<size_t>(first_kept_descriptor()) / 4;
  return {.connections_per_client = std::min<size_t>(connections.per_client, a_quarter),
          .handshakes_per_second = StreamLimits().handshakes_per_second,
          .connections = std::min<size_t>(connections.in_all, 3 * a_quarter)};
}

}  // namespace

Daemon::Daemon(const Settings& settings, Load load)
    : configured_(settings),
      settings_(settings),
      load_(std::move(load)),
      shared_{.tickets = std::make_shared<TicketKeys>(),
              .places = ClientPlaces::make(places_for(settings.connections)),
              .parts = std::make_shared<WorkerParts>(faults_, count_workers(settings)),
              .cache = std::make_shared<AnswerCache>(settings.cache),
              .questions = std::make_shared<SharedQuestions>(),
              .memories = std::make_shared<ServerMemories>(),
              .refusal_limiter = RateLimiter::of_refusals(),
              .limiter = nullptr},
      recorder_(settings.events, &faults_),
      watchdog_([] { tell_service_manager("WATCHDOG=1"); }) {}

Daemon::~Daemon() {
  stop();
}

// REQUIRES: prepare() has seen these settings last.
WorkerSettings Daemon::worker_settings(const Settings& settings, size_t number) const {
  return {settings.listen,
          settings.connections,
          settings.policy,
          upstream_,
          settings.names,
          settings.admission,
          settings.rebinding,
          settings.blockpage.contact_mail,
          incident_key_,
          cookie_secrets(settings),
          shared_,
          number};
}

// What of a configuration all workers must see alike: by number, for they share what they find out.
void Daemon::prepare(const Settings& settings) {
  ++shared_.configuration;
  UpstreamSettings upstream = with_system_resolvers(settings.upstream, settings_.listen.dns);
  number_zones(upstream, upstream_, last_zone_);
  upstream_ = std::move(upstream);
  shared_.limiter = std::make_shared<RateLimiter>(settings.admission);
}

// What a configuration leaves to be made: the certificate of encrypted DNS, who tells of it, and the names of
// a file. Addresses are those of the start.
void Daemon::complete(Settings& settings, const ListenSettings& serving) {
  ListenSettings& listen = settings.listen;
  settle_encrypted_dns(listen, serving, configured_.state_dir, shared_.parts->dot, shared_.parts->doh);
  shared_.parts->upstreams.expect("", "");
  settle_hosts(settings.names);
  if (settings.names.special) {
    const auto designated = designated_resolvers(listen);
    settings.names.records.insert(settings.names.records.end(), designated.begin(), designated.end());
  }
}

// A file that cannot be read takes no name away from clients that have it.
void Daemon::settle_hosts(NamesSettings& names) {
  if (names.hosts_problem.empty()) {
    hosts_ = names.hosts;
    faults_.clear(Part::kHosts);
  } else if (hosts_.empty()) {
    faults_.off(Part::kHosts, names.hosts_problem);
  } else {
    faults_.impaired(Part::kHosts, names.hosts_problem + "; the names of before stay");
  }
  names.records.insert(names.records.end(), hosts_.begin(), hosts_.end());
}

// The same over restarts, so that an incident keeps its number and a client its cookie. What cannot be kept
// is made for this run alone.
void Daemon::open_secrets() {
  const auto bytes = secret("incident.key", sizeof incident_key_);
  std::memcpy(&incident_key_, bytes.data(), sizeof incident_key_);
  const auto cookie = secret("cookie.key", own_cookie_secret_.size());
  std::copy_n(cookie.begin(), own_cookie_secret_.size(), own_cookie_secret_.begin());
}

std::vector<uint8_t> Daemon::secret(const std::string& file, size_t size) {
  auto kept = persistent_secret(configured_.state_dir + "/" + file, size);
  if (!kept) {
    faults_.impaired(Part::kSecrets, kept.error().message + "; new ones are made at each start");
    return random_secret(size);
  }
  return *kept;
}

CookieSecrets Daemon::cookie_secrets(const Settings& settings) const {
  const auto key_of = [](const auto& bytes) {
    SipKey key{};
    std::copy_n(bytes.begin(), std::min(bytes.size(), key.size()), key.begin());
    return key;
  };
  const std::vector<std::string>& given = settings.admission.cookie_secrets;
  CookieSecrets secrets;
  if (given.empty()) {
    secrets.makes = own_cookie_secret_;
    return secrets;
  }
  secrets.makes = key_of(parse_hex(given.front()));
  if (given.size() > 1) {
    secrets.accepted = key_of(parse_hex(given.back()));
  }
  return secrets;
}

Result<void> Daemon::start() {
  // Every thread inherits the mask, so that signals reach run() alone; writes to closed sockets are errors,
  // not deaths.
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  // Before any socket: where another process serves, the kernel would share its questions with us.
  auto lock = StateLock::take(settings_.state_dir);
  if (!lock) {
    return lock.error();
  }
  complete(settings_, {});
  open_secrets();
  web_ = std::make_unique<Web>(settings_, recorder_.add_ring(), recorder_.history(), incident_key_, faults_);
  prepare(settings_);
  for (unsigned i = 0; i < count_workers(settings_); ++i) {
    workers_.push_back(
        std::make_unique<Worker>(worker_settings(settings_, i), recorder_.add_ring(),
                                 [this](const Event& event) { web_->on_indirect_block(event); }));
    if (auto opened = workers_.back()->open(); !opened) {
      return opened;
    }
  }
  updater_ = std::make_unique<Updater>(
      ioc_settings(settings_), [this](std::shared_ptr<const Snapshot> snapshot) { publish(snapshot); },
      &faults_);
  if (auto loaded = updater_->load(std::move(*lock)); !loaded) {
    return loaded;
  }
  backend_ = std::make_unique<Backend>(*updater_, recorder_, *web_, workers_, *shared_.cache, *shared_.places,
                                       all_listeners(configured_), faults_, watchdog_);
  if (auto opened = web_->open(*backend_); !opened) {
    return opened;
  }
  (void)recorder_.start();  // without a file the hits are still in memory, and the fault is said
  web_->start();
  for (const auto& worker : workers_) {
    worker->start();
  }
  updater_->start();
  watch();
  tell_service_manager("READY=1");
  return {};
}

void Daemon::watch() {
  for (size_t i = 0; i < workers_.size(); ++i) {
    watchdog_.watch(workers_[i]->loop(), fmt::format("worker {}", i));
  }
  // It reads and writes files: a disk that hangs must not end a process whose workers answer.
  watchdog_.watch(web_->loop(), "the web thread", false);
  watchdog_.start();
}

void Daemon::publish(const std::shared_ptr<const Snapshot>& snapshot) {
  for (const auto& worker : workers_) {
    worker->adopt(snapshot);
  }
  web_->adopt(snapshot);
}

int Daemon::run() {
  const sigset_t signals = handled_signals();
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) {
      log::info("{}: finishing what is under way", signal == SIGTERM ? "SIGTERM" : "SIGINT");
      stop();
      return 0;
    }
    try {
      reload();
    } catch (const std::exception& error) {  // mostly std::bad_alloc
      log::error("the reload came to no end: {}", error.what());
    }
  }
}

void Daemon::reload() {
  recorder_.reopen();
  const LoadedSettings loaded = load_();
  for (const Problem& problem : loaded.problems) {
    log::warn("{}", to_text(problem));
  }
  if (!loaded.is_usable()) {
    log::error("the configuration has errors: everything stays as it was");
    return;
  }
  Settings renewed = loaded.settings;
  warn_of_restart(configured_, renewed);
  renewed.listen = configured_.listen;  // but for the certificate, which may change under the same address
  renewed.listen.tls = loaded.settings.listen.tls;
  complete(renewed, settings_.listen);
  if (auto logging = start_log(renewed.log); !logging) {
    log::error("{}; the log stays as it was", logging.error().message);
  }
  prepare(renewed);
  shared_.places->set_limits(places_for(renewed.connections), mono_now());
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->reload(worker_settings(renewed, i));
  }
  web_->reload(renewed);
  updater_->reload(ioc_settings(renewed));
  settings_.listen = renewed.listen;
  settings_.policy = renewed.policy;
  settings_.upstream = renewed.upstream;
  settings_.ioc = renewed.ioc;
  log::info("configuration read again");
}

// DNS ends last, for the next process has yet to start: first the changes that are under way come to their
// end and to the disk, then the answers that tell of them go out. Whoever still has work for a part that has
// ended finds it deaf, not gone. Does nothing for parts that never started.
void Daemon::stop() {
  tell_service_manager("STOPPING=1");
  watchdog_.stop();
  if (updater_) {
    updater_->stop();
  }
  if (web_) {
    web_->stop();
    web_->join();
  }
  // Whoever has finished serves on until all have: the kernel shares questions out among their sockets.
  for (const auto& worker : workers_) {
    worker->finish();
  }
  for (const auto& worker : workers_) {
    worker->wait_until_finished();
  }
  for (const auto& worker : workers_) {
    worker->stop();
  }
  for (const auto& worker : workers_) {
    worker->join();
  }
  recorder_.stop();
}

}  // namespace cenote
