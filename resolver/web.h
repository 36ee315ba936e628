// The web thread: one loop that serves the block page and the control API and answers "why?" for both. Slow
// work is done elsewhere and comes back as a job; nothing here is on the way of a DNS query.
//
// Threads: open(), start(), join() from main; adopt(), on_indirect_block(), reload() and stop() from any.
#pragma once

#include <mutex>
#include <thread>

#include "blockpage/certificates.h"
#include "blockpage/indirect_blocks.h"
#include "blockpage/site.h"
#include "conf/load_tokens.h"
#include "conf/settings.h"
#include "resolver/base/faults.h"
#include "resolver/control/api.h"
#include "resolver/events/event_ring.h"
#include "resolver/events/history.h"
#include "resolver/net/http_server.h"
#include "resolver/policy/policy.h"

namespace cenote {

class Web final : IncidentSource {
 public:
  // `faults` outlives it and hears what of it is off.
  Web(const Settings& settings, EventRing& events, const History& history, uint64_t incident_key,
      Faults& faults);
  ~Web();

  // Binds every address and loads or makes the CA; the error names what failed. Without a usable CA the page
  // over HTTPS is off, without usable files of its own the control API over HTTPS.
  Result<void> open(ControlBackend& backend);
  void start();
  // Ends its loop as soon as no request is under way, in a second at the latest.
  void stop();
  void join();

  void adopt(std::shared_ptr<const Snapshot> snapshot);
  // A block that only an answer's content explains: kept so that the page, which comes a moment later, knows
  // it though the question's own name is not listed.
  void on_indirect_block(const Event& event) { indirect_.note(event); }
  [[nodiscard]] uint64_t indirect_dropped() const { return indirect_.dropped(); }
  // New policy settings, limits of connections, tokens and authority.
  void reload(const Settings& settings);

  [[nodiscard]] Loop& loop() noexcept { return loop_; }
  [[nodiscard]] const Policy& policy() const noexcept { return *policy_; }  // on the web thread
  // A policy like it, for any other thread.
  [[nodiscard]] Policy copy_policy() const;
  // Null: the page over HTTPS is off, or not configured. On the web thread, or before a reload.
  [[nodiscard]] const Authority* authority() const noexcept {
    return certificates_ ? &certificates_->authority() : nullptr;
  }

 private:
  [[nodiscard]] static ClientPlaces::Limits places_for(const ConnectionSettings& connections);
  void end_when_stopped();
  Result<void> open_secure_page(Result<Authority> authority);
  Result<void> open_control(ControlBackend& backend);
  Result<void> open_secure_control(const ControlSettings& control);
  // Listens where this has not come about yet.
  Result<void> bind_secure_page();
  Result<void> bind_secure_control();
  void take_tokens(LoadedTokens tokens, bool has_some);
  void renew_authority(Result<Authority> authority);
  void renew_control_certificate(const ControlSettings& control);
  std::optional<Incident> find(const IpAddress& client, const Name& host, Now time) override;
  [[nodiscard]] bool is_blocked_for_anyone(const Name& host) const;

  const Settings settings_;
  EventRing& events_;
  const History& history_;
  const uint64_t incident_key_;
  Faults& faults_;
  Loop loop_;
  std::unique_ptr<Policy> policy_;
  mutable std::mutex newest_mutex_;
  PolicySettings newest_settings_;  // of policy_, perhaps before the web thread has them
  std::shared_ptr<const Snapshot> newest_snapshot_;
  IndirectBlocks indirect_;
  std::unique_ptr<Certificates> certificates_;
  std::unique_ptr<TlsContext> tls_;
  std::unique_ptr<TlsContext> control_tls_;
  std::unique_ptr<BlockSite> site_;
  std::unique_ptr<ControlApi> api_;
  std::unique_ptr<Timer> follow_;
  std::shared_ptr<ClientPlaces> page_places_;
  std::shared_ptr<ClientPlaces> control_places_;
  std::unique_ptr<HttpServer> page_server_;
  std::unique_ptr<HttpServer> control_server_;
  unsigned running_servers_ = 2;
  std::vector<SocketAddress> unbound_page_;  // over HTTPS
  std::vector<SocketAddress> unbound_control_;
  std::thread thread_;
};

}  // namespace cenote
