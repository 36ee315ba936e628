// What the control API asks of the running server, answered with the real parts. Web thread; the updater's
// answers come back as jobs on the web loop.
#pragma once

#include <memory>
#include <vector>

#include "ioc/updater.h"
#include "resolver/base/faults.h"
#include "resolver/control/backend.h"
#include "resolver/events/recorder.h"
#include "resolver/listen/worker.h"

namespace cenote {

class Watchdog;
class Web;

// An address that is served, and the part of the server whose fault takes it away.
struct Listener {
  std::string text;
  std::optional<Part> part;
};

class Backend final : public ControlBackend {
 public:
  using Workers = std::vector<std::unique_ptr<Worker>>;

  // All outlive the backend. `workers` are all there, and stay.
  Backend(Updater& updater, const Recorder& recorder, Web& web, const Workers& workers,
          const AnswerCache& cache, const ClientPlaces& places, std::vector<Listener> listeners,
          const Faults& faults, const Watchdog& watchdog);

  [[nodiscard]] bool is_ready() const override;
  [[nodiscard]] Unready unready() override;
  [[nodiscard]] ServerStatus status() const override;
  void collect(MetricsPage& page) const override;
  [[nodiscard]] Explanation explain(const ExplainQuestion& question) const override;
  [[nodiscard]] const History& history() const override { return recorder_.history(); }

  [[nodiscard]] std::vector<FeedStatus> feeds() const override { return updater_.feeds(); }
  [[nodiscard]] std::vector<RejectRow> rejects(const std::string& feed) const override {
    return updater_.rejects(feed);
  }
  [[nodiscard]] std::vector<GenerationRecord> generations() const override { return updater_.generations(); }
  [[nodiscard]] std::vector<std::string> groups() const override;
  [[nodiscard]] std::vector<ExceptionRecord> exceptions() const override { return updater_.exceptions(); }
  [[nodiscard]] std::vector<SingleIndicator> indicators() const override { return updater_.indicators(); }

  [[nodiscard]] Held held() const override { return updater_.held(); }
  [[nodiscard]] AuditLog::Page audit(uint64_t after, size_t limit) const override {
    return updater_.audit(after, limit);
  }

  [[nodiscard]] Result<std::shared_ptr<IncomingList>> new_list() override { return updater_.new_list(); }
  void push(PushRequest request, bool with_traffic, Done done) override;
  void patch(PatchRequest request, Done done) override;
  void refresh(std::string feed, Done done) override;
  void rollback(uint64_t generation, std::string who, Done done) override;
  void diff(uint64_t from, uint64_t to, Updater::DiffDone done) override;
  void export_set(ExportRequest request, Updater::ExportDone done) override;
  void decide_held(HoldVerdict verdict, Done done) override;
  void promote(std::string feed, bool force, std::string who, Done done) override;
  void add_indicator(SingleIndicator indicator, Done done) override;
  void remove_indicator(std::string feed, std::string name, std::string who, Done done) override;
  void add_exception(ExceptionSettings exception, std::string who, Done done) override;
  void remove_exception(std::string name, std::string who, Done done) override;

 private:
  [[nodiscard]] Updater::Done on_web_loop(Done done) const;
  void judge_traffic(ChangeResult& result) const;
  void probe_upstreams();

  Updater& updater_;
  const Recorder& recorder_;
  Web& web_;
  const Workers& workers_;
  const AnswerCache& cache_;
  const ClientPlaces& places_;
  const Watchdog& watchdog_;
  const std::vector<Listener> listeners_;
  const Faults& faults_;
  const WallTime started_;
  MonoTime next_probe_{};
};

}  // namespace cenote
