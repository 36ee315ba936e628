// The daemon: makes every part, ties them together, and takes them through start, reload and stop. The only
// file that knows every module. Lives on the main thread, which waits for signals once all runs:
//
//   SIGHUP           reads the configuration, certificates and all feeds again, reopens the event file
//   SIGTERM, SIGINT  finishes the queries under way and ends
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "conf/settings.h"
#include "ioc/updater.h"
#include "resolver/base/faults.h"
#include "resolver/events/recorder.h"
#include "resolver/listen/worker.h"
#include "resolver/net/watchdog.h"
#include "resolver/web.h"

namespace cenote {

class Backend;

class Daemon {
 public:
  // Reads the settings again at a reload.
  using Load = std::function<LoadedSettings()>;

  Daemon(const Settings& settings, Load load);
  ~Daemon();

  // Under policy before the first packet: the snapshot is in force when the sockets begin to receive. An
  // error is one line that names what failed; nothing runs then. What answers no question of DNS may be off:
  // faults() tells.
  Result<void> start();
  // Until a signal says stop. Returns the exit code.
  int run();

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] const Authority* authority() const noexcept { return web_->authority(); }  // null: off
  [[nodiscard]] const Faults& faults() const noexcept { return faults_; }
  [[nodiscard]] size_t worker_count() const noexcept { return workers_.size(); }

 private:
  void publish(const std::shared_ptr<const Snapshot>& snapshot);
  void reload();
  void stop();
  void watch();
  void complete(Settings& settings, const ListenSettings& serving);
  void settle_hosts(NamesSettings& names);
  void open_secrets();
  std::vector<uint8_t> secret(const std::string& file, size_t size);
  [[nodiscard]] CookieSecrets cookie_secrets(const Settings& settings) const;
  void prepare(const Settings& settings);
  [[nodiscard]] WorkerSettings worker_settings(const Settings& settings, size_t number) const;

  const Settings configured_;  // at the start
  Settings settings_;          // in force
  Load load_;
  Faults faults_;
  uint64_t incident_key_ = 0;
  SipKey own_cookie_secret_{};  // where none is configured
  SharedByWorkers shared_;
  UpstreamSettings upstream_;       // in force, with the numbers of their zones
  uint32_t last_zone_ = 0;          // the last number that one of them got
  std::vector<LocalRecord> hosts_;  // of names.hosts, when it could be read last
  Recorder recorder_;
  std::unique_ptr<Web> web_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Updater> updater_;
  std::unique_ptr<Backend> backend_;
  Watchdog watchdog_;  // over the loops of workers and web
};

}  // namespace cenote
