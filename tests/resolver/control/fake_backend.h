// A server that holds what a test puts in and remembers what it was asked to change.
#pragma once

#include "resolver/control/api.h"
#include "tests/support/temporary_folder.h"

namespace cenote {

class FakeBackend final : public ControlBackend {
 public:
  TemporaryFolder folder;
  bool ready = true;
  Unready unready_for;
  ServerStatus server;
  std::vector<FeedStatus> feed_list;
  std::vector<RejectRow> reject_list;
  std::vector<GenerationRecord> generation_list;
  std::vector<std::string> group_list;
  std::vector<ExceptionRecord> exception_list;
  std::vector<SingleIndicator> indicator_list;
  Explanation explanation;
  mutable ExplainQuestion asked;
  History hits;

  std::function<void()> fault = [] {};  // is called by most of what is asked
  ChangeResult result;
  std::vector<TrafficChange> traffic;  // of a dry run
  bool answers_at_once = true;
  std::vector<Done> waiting;
  std::vector<std::string> changes;  // "push c2 by bob"
  PushRequest last_push;
  std::string last_list;
  bool has_room = true;
  PatchRequest last_patch;
  SingleIndicator last_indicator;
  HoldVerdict last_verdict;
  ExportRequest last_export;
  std::vector<FeedDelta> feed_deltas;
  Held held_list;
  AuditLog::Page audit_page;
  mutable std::pair<uint64_t, size_t> asked_audit;
  ExceptionSettings last_exception;

  FakeBackend() { result.accepted = true; }

  [[nodiscard]] bool is_ready() const override { return ready; }
  [[nodiscard]] Unready unready() override { return unready_for; }
  [[nodiscard]] ServerStatus status() const override {
    fault();
    return server;
  }
  void collect(MetricsPage& page) const override {
    fault();
    page.counter("cenote_queries_total", "Queries.", 7);
  }
  [[nodiscard]] Explanation explain(const ExplainQuestion& question) const override {
    fault();
    asked = question;
    Explanation answer = explanation;
    answer.question = question;
    return answer;
  }
  [[nodiscard]] const History& history() const override {
    fault();
    return hits;
  }
  [[nodiscard]] std::vector<FeedStatus> feeds() const override {
    fault();
    return feed_list;
  }
  [[nodiscard]] std::vector<RejectRow> rejects(const std::string& /*feed*/) const override {
    return reject_list;
  }
  [[nodiscard]] std::vector<GenerationRecord> generations() const override {
    fault();
    return generation_list;
  }
  [[nodiscard]] std::vector<std::string> groups() const override { return group_list; }
  [[nodiscard]] std::vector<ExceptionRecord> exceptions() const override { return exception_list; }
  [[nodiscard]] std::vector<SingleIndicator> indicators() const override { return indicator_list; }

  [[nodiscard]] Held held() const override { return held_list; }
  [[nodiscard]] AuditLog::Page audit(uint64_t after, size_t limit) const override {
    asked_audit = {after, limit};
    return audit_page;
  }

  [[nodiscard]] Result<std::shared_ptr<IncomingList>> new_list() override {
    fault();
    return has_room ? IncomingList::create(folder.path()) : fail("the disk is full");
  }
  void push(PushRequest request, bool with_traffic, Done done) override {
    result.traffic = with_traffic ? traffic : std::vector<TrafficChange>();
    last_push = request;
    last_list = folder.read(std::filesystem::path(request.list->path()).filename().string());
    change("push " + request.feed, request.who, std::move(done));
  }
  void patch(PatchRequest request, Done done) override {
    last_patch = request;
    change("patch " + request.feed, request.who, std::move(done));
  }
  void refresh(std::string feed, Done done) override { change("refresh " + feed, "", std::move(done)); }
  void rollback(uint64_t generation, std::string who, Done done) override {
    change("rollback " + std::to_string(generation), who, std::move(done));
  }
  void diff(uint64_t from, uint64_t to, Updater::DiffDone done) override {
    done(from == 404 ? Result<GenerationDiff>(fail("generation 404 is not kept"))
                     : GenerationDiff{from, to, feed_deltas});
  }
  void export_set(ExportRequest request, Updater::ExportDone done) override {
    last_export = request;
    done(request.format == "plain" ? Result<std::string>(std::string("evil.test\n"))
                                   : fail("no such format"));
  }
  void decide_held(HoldVerdict verdict, Done done) override {
    last_verdict = verdict;
    change((verdict.releases ? "release in " : "refuse in ") + verdict.feed, verdict.who, std::move(done));
  }
  void promote(std::string feed, bool force, std::string who, Done done) override {
    change("promote " + feed + (force ? " by force" : ""), who, std::move(done));
  }
  void add_indicator(SingleIndicator indicator, Done done) override {
    last_indicator = indicator;
    change("add " + indicator.name, indicator.who, std::move(done));
  }
  void remove_indicator(std::string feed, std::string name, std::string who, Done done) override {
    change("remove " + name + " from " + feed, who, std::move(done));
  }
  void add_exception(ExceptionSettings exception, std::string who, Done done) override {
    last_exception = exception;
    change("allow " + exception.name, who, std::move(done));
  }
  void remove_exception(std::string name, std::string who, Done done) override {
    change("disallow " + name, who, std::move(done));
  }

 private:
  void change(const std::string& what, const std::string& who, Done done) {
    fault();
    changes.push_back(what + " by " + who);
    if (answers_at_once) {
      done(result);
    } else {
      waiting.push_back(std::move(done));
    }
  }
};

// What a connection would have sent.
class RecordedExchange final : public HttpResponder::Exchange {
 public:
  HttpResponse response{0, {}, ""};
  std::string streamed;
  bool is_finished = false;
  bool open = true;
  bool is_read = true;  // at once
  int answers = 0;

  void respond(HttpResponse given) override {
    response = std::move(given);
    ++answers;
  }
  void start(HttpResponse head) override { response = std::move(head); }
  void write(std::string chunk) override { streamed += chunk; }
  void finish() override { is_finished = true; }
  [[nodiscard]] bool is_open() const override { return open && !is_finished; }
  [[nodiscard]] size_t unsent() const override { return is_read ? 0 : response.body.size(); }

  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : response.headers) {
      if (key == name) {
        return value;
      }
    }
    return "";
  }
};

}  // namespace cenote
