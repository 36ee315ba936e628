// What the control API asks of the running server; the daemon implements it with the real parts, tests with a
// fake. Plain values in and out.
//
// Threads: called on the web loop's thread, and `done` comes back on it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ioc/updater.h"
#include "resolver/base/faults.h"
#include "resolver/control/explanation.h"
#include "resolver/control/metrics.h"
#include "resolver/events/history.h"

namespace cenote {

struct UpstreamStatus {
  std::string zone;
  std::string server;
  bool is_down = false;
  uint64_t asked = 0;
  uint64_t answered = 0;
  uint64_t timed_out = 0;
  uint64_t bad = 0;
  milliseconds round_trip{0};
};

struct ServerStatus {
  WallTime started{};
  uint64_t generation = 0;
  uint64_t names = 0;
  uint64_t addresses = 0;
  uint64_t snapshot_bytes = 0;
  uint64_t workers = 0;
  uint64_t queries = 0;  // since the start, as are those below
  uint64_t blocked = 0;
  uint64_t monitored = 0;
  uint64_t cached = 0;
  uint64_t forwarded = 0;
  uint64_t upstream_failures = 0;
  uint64_t events_dropped = 0;
  uint64_t cache_entries = 0;
  uint64_t cache_bytes = 0;
  std::vector<std::string> listeners;  // "dns 127.0.0.1:5300", "page https 127.0.0.1:8443"
  std::vector<UpstreamStatus> upstreams;
  std::vector<Fault> faults;  // what is off, or not as configured
  StateHealth state;
};

// Why clients had better be sent elsewhere, for people; nothing where all is well.
struct Unready {
  std::vector<std::string> resolution;
  std::vector<std::string> policy;
};

class ControlBackend {
 public:
  using Done = std::function<void(ChangeResult)>;

  virtual ~ControlBackend() = default;

  [[nodiscard]] virtual bool is_ready() const = 0;  // policy is in force and questions are answered
  // Has the upstreams asked as well, so that the next look at idle ones knows more than this one.
  [[nodiscard]] virtual Unready unready() = 0;
  [[nodiscard]] virtual ServerStatus status() const = 0;
  virtual void collect(MetricsPage& page) const = 0;
  [[nodiscard]] virtual Explanation explain(const ExplainQuestion& question) const = 0;
  [[nodiscard]] virtual const History& history() const = 0;

  [[nodiscard]] virtual std::vector<FeedStatus> feeds() const = 0;
  [[nodiscard]] virtual std::vector<RejectRow> rejects(const std::string& feed) const = 0;
  [[nodiscard]] virtual std::vector<GenerationRecord> generations() const = 0;
  [[nodiscard]] virtual std::vector<std::string> groups() const = 0;  // of clients, by the configuration
  [[nodiscard]] virtual std::vector<ExceptionRecord> exceptions() const = 0;
  [[nodiscard]] virtual std::vector<SingleIndicator> indicators() const = 0;

  [[nodiscard]] virtual Held held() const = 0;
  [[nodiscard]] virtual AuditLog::Page audit(uint64_t after, size_t limit) const = 0;

  [[nodiscard]] virtual Result<std::shared_ptr<IncomingList>> new_list() = 0;
  // `with_traffic`: a dry run also tells which names of recent traffic it would treat otherwise.
  virtual void push(PushRequest request, bool with_traffic, Done done) = 0;
  virtual void patch(PatchRequest request, Done done) = 0;
  virtual void refresh(std::string feed, Done done) = 0;
  virtual void rollback(uint64_t generation, std::string who, Done done) = 0;
  virtual void diff(uint64_t from, uint64_t to, Updater::DiffDone done) = 0;
  virtual void export_set(ExportRequest request, Updater::ExportDone done) = 0;
  virtual void decide_held(HoldVerdict verdict, Done done) = 0;
  virtual void promote(std::string feed, bool force, std::string who, Done done) = 0;
  virtual void add_indicator(SingleIndicator indicator, Done done) = 0;
  virtual void remove_indicator(std::string feed, std::string name, std::string who, Done done) = 0;
  virtual void add_exception(ExceptionSettings exception, std::string who, Done done) = 0;
  virtual void remove_exception(std::string name, std::string who, Done done) = 0;
};

}  // namespace cenote
