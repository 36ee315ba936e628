#include "resolver/daemon.h"

#include <csignal>
#include <thread>

#include "resolver/backend.h"
#include "resolver/base/log.h"
#include "resolver/base/random.h"
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

std::vector<std::string> listener_texts(const Settings& settings) {
  std::vector<std::string> texts;
  const auto add = [&](const char* what, const std::vector<SocketAddress>& addresses) {
    for (const SocketAddress& address : addresses) {
      texts.push_back(fmt::format("{} {}", what, address.to_text()));
    }
  };
  add("dns", settings.listen.dns);
  add("dot", settings.listen.dot);
  add("page http", settings.blockpage.http);
  add("page https", settings.blockpage.https);
  add("control http", settings.control.http);
  return texts;
}

}  // namespace

Daemon::Daemon(const Settings& settings, Load load)
    : settings_(settings),
      load_(std::move(load)),
      incident_key_(Random().u64()),
      recorder_(settings.events) {}

Daemon::~Daemon() {
  stop();
}

WorkerSettings Daemon::worker_settings(const Settings& settings) const {
  return {settings.listen,
          settings.policy,
          with_system_resolvers(settings.upstream, settings_.listen.dns),
          settings.cache,
          settings.blockpage.contact_mail,
          settings.cache.bytes / count_workers(settings_),
          incident_key_};
}

Result<void> Daemon::start() {
  // Every thread inherits the mask, so that signals reach run() alone; writes to closed sockets are errors,
  // not deaths.
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  if (!settings_.listen.doh.empty()) {
    log::warn("listen.doh: DNS over HTTPS is not served yet; nothing listens there");
  }
  web_ = std::make_unique<Web>(settings_, recorder_.add_ring(), recorder_.history(), incident_key_);
  for (unsigned i = 0; i < count_workers(settings_); ++i) {
    workers_.push_back(
        std::make_unique<Worker>(worker_settings(settings_), recorder_.add_ring(),
                                 [this](const Event& event) { web_->on_indirect_block(event); }));
    if (auto opened = workers_.back()->open(); !opened) {
      return opened;
    }
  }
  updater_ = std::make_unique<Updater>(
      settings_.ioc, [this](std::shared_ptr<const Snapshot> snapshot) { publish(snapshot); });
  if (auto loaded = updater_->load(); !loaded) {
    return loaded;
  }
  backend_ = std::make_unique<Backend>(*updater_, recorder_, *web_, workers_, listener_texts(settings_));
  if (auto opened = web_->open(*backend_); !opened) {
    return opened;
  }
  if (auto started = recorder_.start(); !started) {
    return started;
  }
  web_->start();
  for (const auto& worker : workers_) {
    worker->start();
  }
  updater_->start();
  return {};
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
    reload();
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
  const Settings& renewed = loaded.settings;
  if (!(renewed.listen == settings_.listen) || !(renewed.blockpage == settings_.blockpage) ||
      !(renewed.control == settings_.control) || !(renewed.cache == settings_.cache) ||
      !(renewed.events == settings_.events) || renewed.state_dir != settings_.state_dir) {
    log::warn(
        "changes to listen, blockpage, control, cache, events and state_dir take effect at the next start");
  }
  for (const auto& worker : workers_) {
    worker->reload(worker_settings(renewed));
  }
  web_->reload(renewed.policy);
  updater_->reload(renewed.ioc);
  settings_.policy = renewed.policy;
  settings_.upstream = renewed.upstream;
  settings_.ioc = renewed.ioc;
  log::info("configuration read again");
}

// In the order of the way of a question, so that whoever is stopped has nobody in front who still sends it
// work. Does nothing for parts that never started.
void Daemon::stop() {
  for (const auto& worker : workers_) {
    worker->stop();
  }
  for (const auto& worker : workers_) {
    worker->join();
  }
  if (updater_) {
    updater_->stop();
  }
  if (web_) {
    web_->stop();
    web_->join();
  }
  recorder_.stop();
}

}  // namespace cenote
