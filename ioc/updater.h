// The way of a feed: fetch or push -> parse -> normalise -> guard -> build -> publish -> enforced. One
// blocking thread that takes one job after the other; nobody else writes the store or makes a snapshot.
//
// Threads: load() before start(); every other call from any thread. `done` runs on the updater's thread and
// must not block: post to your own loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ioc/audit_log.h"
#include "ioc/export.h"
#include "ioc/feed.h"
#include "ioc/feed_delta.h"
#include "ioc/feed_status.h"
#include "ioc/incoming_list.h"
#include "ioc/snapshot.h"
#include "resolver/base/faults.h"
#include "resolver/base/result.h"
#include "resolver/base/state_lock.h"

namespace cenote {

// The feed name under which exceptions appear in a snapshot. Their records carry the reason as `note` and the
// client prefix or the group, when they are bound to one, as `source_ref` (ExceptionSettings::client).
constexpr std::string_view kExceptionsFeed = "exceptions";

struct PushRequest {
  std::string feed;
  std::shared_ptr<IncomingList> list;  // of new_list(); never null
  std::string format;                  // empty: the feed's own
  std::string who;                     // token name, for the record
  bool dry_run = false;                // parse, guard and compare, but change nothing
};

struct PatchRequest {
  std::string feed;
  std::vector<std::string> add;     // lines in the feed's format
  std::vector<std::string> remove;  // names or addresses, every scope of them
  std::string who;
};

class Updater {
 public:
  // Called on the thread that made the snapshot (load(): the caller's, then the updater's). The last owner
  // may let go on any thread: the snapshot is then freed on the updater's.
  using Publish = std::function<void(std::shared_ptr<const Snapshot>)>;
  using Done = std::function<void(ChangeResult)>;

  // `faults`, which outlives it, hears whether changes can be kept, and noted in their record.
  Updater(IocSettings settings, Publish publish, Faults* faults = nullptr);
  ~Updater();
  Updater(const Updater&) = delete;
  Updater& operator=(const Updater&) = delete;

  // Publishes the first snapshot: the last one from state_dir, or one built from last good copies and files,
  // so that the first packet is under policy. An error means that the state cannot be kept at all (state_dir
  // is not writable); a feed that fails is in its status and no error here.
  // `lock` of state_dir is taken where the caller has it not.
  Result<void> load(StateLock lock = {});
  void start();
  void stop();  // finishes the job in hand, answers the others with an error

  // Where a list is put as it comes. Any thread, after load().
  [[nodiscard]] Result<std::shared_ptr<IncomingList>> new_list() const;
  void push(PushRequest request, Done done);  // the feed's whole list
  void patch(PatchRequest request, Done done);
  void add_indicator(SingleIndicator indicator, Done done);
  void remove_indicator(std::string feed, std::string name, std::string who, Done done);
  void add_exception(ExceptionSettings exception, std::string who, Done done);
  void remove_exception(std::string name, std::string who, Done done);
  void rollback(uint64_t generation, std::string who, Done done);
  // Looks at a file now; a download has only begun when `done` is called.
  void refresh(std::string feed, Done done);
  void decide_held(HoldVerdict verdict, Done done);  // entries, or a whole change, that a guard holds
  // Ends a feed's trial (`monitor_for`); before its time only with `force`.
  void promote(std::string feed, bool force, std::string who, Done done);
  using DiffDone = std::function<void(Result<GenerationDiff>)>;
  using ExportDone = std::function<void(Result<std::string>)>;
  void diff(uint64_t from, uint64_t to, DiffDone done);  // of two kept generations
  void export_set(ExportRequest request, ExportDone done);
  void reload(IocSettings settings,
              Done done = {});  // SIGHUP: new settings, every file and URL looked at again

  [[nodiscard]] std::vector<FeedStatus> feeds() const;
  [[nodiscard]] std::vector<RejectRow> rejects(const std::string& feed) const;  // the newest kMaxRejects
  [[nodiscard]] std::vector<GenerationRecord> generations() const;              // newest first
  [[nodiscard]] std::vector<ExceptionRecord> exceptions() const;
  [[nodiscard]] std::vector<SingleIndicator> indicators() const;
  [[nodiscard]] Held held() const;
  [[nodiscard]] AuditLog::Page audit(uint64_t after, size_t limit) const;
  [[nodiscard]] StateHealth state_health() const;
  [[nodiscard]] uint64_t generation() const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

constexpr size_t kMaxRejects = 1000;  // kept of each feed

}  // namespace cenote
