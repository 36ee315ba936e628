// A worker: one thread, one loop, and everything a query needs on it. Workers share the cache, the table of
// questions that are under way, and limits; the snapshot is replaced by a job posted to each loop.
//
// Threads: open(), start(), finish(), wait_until_finished(), stop() and join() from main; adopt() from any;
// counters may be read from any.
#pragma once

#include <future>
#include <mutex>
#include <thread>

#include "resolver/base/shared_part.h"
#include "resolver/listen/doh_service.h"
#include "resolver/listen/settings.h"
#include "resolver/listen/stream_service.h"
#include "resolver/listen/udp_listener.h"
#include "resolver/net/tls.h"

namespace cenote {

// What a worker may be without while it answers: each hears from all workers.
struct WorkerParts {
  WorkerParts(Faults& faults, size_t workers)
      : dot(faults, Part::kDot, workers),
        doh(faults, Part::kDoh, workers),
        upstreams(faults, Part::kUpstreams, workers) {}

  SharedPart dot;
  SharedPart doh;
  SharedPart upstreams;
};

// What all workers have in common; nothing of it is null.
struct SharedByWorkers {
  std::shared_ptr<TicketKeys> tickets;   // of dot and doh
  std::shared_ptr<ClientPlaces> places;  // of tcp, dot and doh
  std::shared_ptr<WorkerParts> parts;
  std::shared_ptr<AnswerCache> cache;
  std::shared_ptr<SharedQuestions> questions;
  std::shared_ptr<ServerMemories> memories;  // what is learnt of upstream servers
  std::shared_ptr<RateLimiter> refusal_limiter;
  // Of a configuration: another one with the next.
  std::shared_ptr<RateLimiter> limiter;  // of the answers to one client
  uint32_t configuration = 0;            // its number: no two have the same
};

struct WorkerSettings {
  ListenSettings listen;  // with tls named where dot or doh is, and it can be used
  ConnectionSettings connections;
  PolicySettings policy;
  UpstreamSettings upstream;
  NamesSettings names;
  AdmissionSettings admission;
  RebindingSettings rebinding;
  std::string contact;  // for people, in the extended error
  uint64_t incident_key = 0;
  CookieSecrets cookie_secrets{};
  SharedByWorkers shared;
  size_t number = 0;  // of this worker
};

// On cache lines of its own, as all that it writes for each query.
class alignas(64) Worker {
 public:
  Worker(const WorkerSettings& settings, EventRing& events,
         std::function<void(const Event&)> on_indirect_block);
  ~Worker();

  // Binds every address of plain DNS; an error names the one that failed. Whatever is wrong with dot, doh or
  // an upstream is told to `parts`, and the rest goes on.
  Result<void> open();
  void start();
  // Brings to its end what is under way: the questions that are now have 2 s, those that come from now on
  // 100 ms in all. It goes on serving whoever comes, for nobody else may be there to do so. Once.
  void finish();
  // Until it has come to that end; at once where it was not started. After finish().
  void wait_until_finished();
  // Closes all and ends its loop.
  void stop();
  void join();

  // New policy settings, upstreams and certificates, from the next query or handshake on; addresses and sizes
  // need a restart. Opens dot and doh where they are not.
  void reload(const WorkerSettings& settings);
  // From the next query on policy is this snapshot's.
  void adopt(std::shared_ptr<const Snapshot> snapshot);

  [[nodiscard]] const PipelineCounters& counters() const noexcept { return pipeline_.counters(); }
  // Since the start, over all addresses; from any thread.
  [[nodiscard]] uint64_t refused_connections() const;
  [[nodiscard]] uint64_t passed_over() const noexcept;
  [[nodiscard]] const RecentNames& recent_names() const noexcept { return recent_; }  // from any thread
  // Shows the upstream servers to `read(const ServerPool&)`; a reload may replace them afterwards.
  template <typename Read>
  auto read_servers(Read&& read) const {
    const std::lock_guard lock(servers_mutex_);
    return read(forwarder_->pool());
  }
  // Whether a server is up that is asked for all names: of the root zone, or, where none is configured, of
  // any. Before any server has answered: no. From any thread.
  [[nodiscard]] bool can_resolve() const;
  // Asks these zones' servers something, so that can_resolve() knows of upstreams that nobody asks: of a
  // machine in reserve, or of one that gets no clients while they are down. From any thread.
  void probe_upstreams();
  [[nodiscard]] Loop& loop() noexcept { return loop_; }
  [[nodiscard]] uint64_t generation() const noexcept { return generation_.value(); }  // in force here

 private:
  void open_encrypted(const ListenSettings& listen);
  Result<void> open_dot(const ListenSettings& listen);
  Result<void> open_doh(const ListenSettings& listen);
  void tell(SharedPart WorkerParts::*part, bool has_it, const std::string& problem);
  [[nodiscard]] bool is_busy() const;
  void look_for_end();
  void set_times();
  void renew_upstream(const UpstreamSettings& upstream);
  void replace_forwarder(std::unique_ptr<Forwarder> forwarder);
  void tell_of_upstreams(const std::string& problem);

  WorkerSettings settings_;
  Loop loop_;
  Random random_;
  Policy policy_;
  BlockedAnswer blocked_answer_;
  RecentNames recent_;
  Pipeline pipeline_;
  mutable std::mutex servers_mutex_;  // held to replace forwarder_, and to look at it from another thread
  std::unique_ptr<Forwarder> forwarder_;
  std::vector<std::unique_ptr<Forwarder>> retired_;  // replaced, with questions still under way
  std::unique_ptr<TlsContext> dot_tls_;
  std::unique_ptr<TlsContext> doh_tls_;
  std::vector<std::unique_ptr<UdpListener>> udp_;
  mutable std::mutex
      listeners_mutex_;  // held to add to streams_ or doh_, and to look at them from another thread
  std::vector<std::unique_ptr<StreamService>> streams_;
  std::unique_ptr<DohService> doh_;
  std::unique_ptr<Timer> finishing_;
  MonoTime finish_began_;
  std::promise<void> finished_;
  Counter generation_;
  std::thread thread_;
  mutable bool has_resolved_ = false;  // some server has answered since the start; under servers_mutex_
};

}  // namespace cenote
