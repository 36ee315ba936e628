// The inside of Updater: its state, and the steps of the way that updater.cpp strings together. For
// ioc/updater*.cpp alone.
//
// Threads: the updater's, but for `views`, which any thread may read.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ioc/audit_log.h"
#include "ioc/compiled_snapshot.h"
#include "ioc/export.h"
#include "ioc/feed_compiler.h"
#include "ioc/feed_delta.h"
#include "ioc/fetch.h"
#include "ioc/guards.h"
#include "ioc/held_changes.h"
#include "ioc/job_queue.h"
#include "ioc/overlay.h"
#include "ioc/small_change.h"
#include "ioc/snapshot_builder.h"
#include "ioc/store.h"
#include "ioc/updater.h"
#include "resolver/base/guarded.h"
#include "resolver/base/random.h"

namespace cenote {

// What is to change: the next generation's inputs, and which feeds must be compiled anew for it.
struct Change {
  StoredGeneration next;                     // number and counts are filled in on the way
  Layers from;                               // what was in force when it began
  std::map<std::string, StoredFeed> before;  // the feeds then
  std::string subject;                       // the feed that was asked to change; empty: none in particular
  std::set<std::string> feeds;               // to be compiled
  std::map<std::string, std::shared_ptr<IncomingList>> lists;  // new contents, not yet stored
  bool exceptions = false;                                     // to be compiled
  std::map<std::string, std::string> failed;                   // feed -> why: they stay as they are
  bool dry_run = false;
  bool is_released = false;        // a person has looked: no guard keeps it back
  std::string why;                 // as that person said it
  std::optional<HeldChange> held;  // what a guard says of the subject
};

// What a feed's attempts came to, beside what the store keeps.
struct FeedAttempts {
  std::optional<WallTime> last_success;
  std::optional<WallTime> last_attempt;
  std::string last_error;
  std::optional<std::string> looked_at;  // version of the file that was last tried, good or bad
  MonoTime next_fetch{};
  unsigned failures = 0;  // of downloads, one after the other
  bool is_fetching = false;
};

class Updater::Work {
 public:
  Work(IocSettings settings, Publish publish, Faults* faults);
  ~Work();

  // The four below are the way of a feed: updater.cpp.
  Result<void> load(StateLock lock);
  ChangeResult enforce(Change change);
  ChangeResult enforce(SmallChange change);
  void run();

  void start();
  void stop();
  [[nodiscard]] Result<std::shared_ptr<IncomingList>> new_list() const {
    return IncomingList::create(incoming_);
  }
  // Runs on the updater's thread; when that has stopped, `done` gets an error at once.
  void post(std::function<ChangeResult()> job, Done done);
  // The same for a change of so many entries of one feed (empty: of exceptions), which need not wait for a
  // list that is being compiled.
  void post_small(const std::string& feed, size_t entries, std::function<ChangeResult()> job, Done done);

  // One job each: updater_jobs.cpp.
  ChangeResult push(PushRequest request);
  ChangeResult patch(PatchRequest request);
  ChangeResult add_indicator(SingleIndicator indicator);
  ChangeResult remove_indicator(const std::string& feed, const std::string& name, const std::string& who);
  ChangeResult add_exception(ExceptionSettings exception, const std::string& who);
  ChangeResult remove_exception(const std::string& name, const std::string& who);
  static void drop_ended(StoredGeneration& next);
  [[nodiscard]] bool has_many_ended() const;
  ChangeResult rollback(uint64_t generation, const std::string& who);  // updater_rollback.cpp
  ChangeResult refresh(const std::string& feed);
  ChangeResult reload(IocSettings settings);
  // And these: updater_holds.cpp.
  ChangeResult decide_held(const HoldVerdict& verdict);
  ChangeResult promote(const std::string& feed, bool force, const std::string& who);

  // And these, which change nothing: updater_reads.cpp.
  Result<GenerationDiff> diff(uint64_t from, uint64_t to);
  Result<std::string> export_set(const ExportRequest& request);
  // Runs `read` on the updater's thread and hands its result to `done`; an error when that has stopped.
  template <typename T>
  void post_read(std::function<Result<T>()> read, std::function<void(Result<T>)> done) {
    JobQueue::Job run = [this, read = std::move(read), done = std::move(done)] {
      done(stopping_ ? Result<T>(fail("stopping")) : guarded(read));
    };
    if (!jobs_->post(run)) {
      run();
    }
  }

  // What any thread may read.
  struct Views {
    std::vector<FeedStatus> feeds;
    std::map<std::string, std::vector<RejectRow>> rejects;
    std::vector<GenerationRecord> generations;
    std::vector<ExceptionRecord> exceptions;      // that people added
    std::vector<ExceptionRecord> own_exceptions;  // the configuration's, which no change touches
    std::vector<SingleIndicator> singles;
    std::vector<HeldChange> held_changes;
    std::vector<std::string> losses;
    uint64_t set_aside = 0;
    uint64_t generation = 0;
  };
  template <typename T>
  T view(T Views::*member) const {
    const std::lock_guard lock(views_mutex_);
    return views_.*member;
  }
  std::vector<RejectRow> rejects(const std::string& feed) const;
  [[nodiscard]] std::vector<ExceptionRecord> exceptions() const;
  [[nodiscard]] Held held() const;
  [[nodiscard]] StateHealth state_health() const;
  [[nodiscard]] const AuditLog* audit() const noexcept { return audit_.get(); }

 private:
  using Compiled = std::map<std::string, CompiledFeed>;

  // Small changes are made meanwhile, or wait.
  enum class Meanwhile : uint8_t { kSmallChanges, kNothing };
  void behind_serving(const std::function<void()>& work, Meanwhile meanwhile = Meanwhile::kSmallChanges);

  // Steps of enforce(): updater_steps.cpp.
  void settle_failed(Change& change);
  Result<void> compile(Change& change, Compiled& out) const;
  [[nodiscard]] Result<CompiledFeed> compile_one(const Change& change, const FeedSettings& feed) const;
  [[nodiscard]] Result<CompiledFeed> compile_content(const FeedSettings& feed, const StoredGeneration& of,
                                                     FeedContent content) const;
  Result<void> guard(Change& change, Compiled& compiled);
  bool fits_new_settings(const Change& change, const FeedSettings& feed, const CompiledFeed& compiled);
  [[nodiscard]] ListSize size_of(const std::string& feed, const CompiledFeed& compiled) const;
  Result<BuiltSnapshot> build(const Change& change, const Compiled& compiled);
  // Gives the small changes that go on over it, under new numbers.
  Result<std::vector<SmallChange>> put_in_force(Change& change, const Compiled& compiled,
                                                const BuiltSnapshot& built, uint64_t since);
  Result<void> keep(Change& change, const Compiled& compiled, const BuiltSnapshot& built,
                    std::vector<SmallChange> later);
  void publish(Layers layers);
  [[nodiscard]] std::shared_ptr<const Snapshot> view_of(const Layers& layers, uint64_t generation) const;
  std::shared_ptr<const CompiledSnapshot> own(std::unique_ptr<const CompiledSnapshot> snapshot) const;
  [[nodiscard]] ChangeResult summary(const Change& change, const Compiled& compiled,
                                     const BuiltSnapshot& built) const;
  void refresh_views();
  void refresh_views(const SmallChange& change);

  // Back without compiling: updater_rollback.cpp.
  [[nodiscard]] std::unique_ptr<const CompiledSnapshot> kept_snapshot(const StoredGeneration& of) const;
  [[nodiscard]] Result<BuiltSnapshot> copy_of(const CompiledSnapshot& then, uint64_t generation) const;
  ChangeResult enforce_again(Change change, const CompiledSnapshot& then);

  // A few entries at a time: updater_overlay.cpp.
  [[nodiscard]] SmallChange begin_small(std::string what, std::string who, std::string feed) const;
  [[nodiscard]] bool fits_overlay(const std::string& feed, size_t entries) const;
  [[nodiscard]] bool fits_overlay(const SmallChange& change) const;
  [[nodiscard]] Result<Layers> lay_again(Layers layers, const Change& change,
                                         std::vector<SmallChange>& later) const;
  ChangeResult enforce_whole(const SmallChange& change);
  [[nodiscard]] StoredGeneration touched_by_hand(const SmallChange& change) const;
  [[nodiscard]] std::optional<FeedId> feed_id(std::string_view feed) const;  // in the base
  [[nodiscard]] Result<ChangedOverlay> lay_over(const Layers& layers, const SmallChange& change,
                                                const StoredGeneration& after, CompiledFeed& compiled) const;
  [[nodiscard]] Result<ChangedOverlay> lay_patch_over(const Layers& layers, const std::string& feed,
                                                      const std::string& patch, const StoredGeneration& after,
                                                      CompiledFeed& compiled) const;
  [[nodiscard]] Result<ChangedOverlay> lay_by_hand_over(const Layers& layers, const std::string& feed,
                                                        const std::vector<std::string>& names,
                                                        const StoredGeneration& after) const;
  Result<void> keep(SmallChange& change, const Snapshot& snapshot, const CompiledFeed& compiled);
  [[nodiscard]] ChangeResult summary(const SmallChange& change, const ChangedOverlay& changed,
                                     const CompiledFeed& compiled) const;

  // What a start does about what is missing or damaged: updater_recovery.cpp.
  void open_records();
  void take_up_audit();
  void complete_audit(std::vector<GenerationRecord> missing);
  void lose(std::string what);
  Result<void> resume();
  void recover(Change& change);
  void tell_losses(Change& change);
  void mark_lost(Change& change, const std::string& feed, const std::string& why);
  void drop_unreadable_decisions(Change& change, const std::string& feed);
  void salvage(Change& change, const std::string& feed);
  [[nodiscard]] bool has_unreadable_rejects(const StoredFeed& stored) const;

  // Overlays into new bases: updater_fold.cpp.
  struct Fold {
    Layers from;
    uint64_t generation = 0;
    std::vector<FeedPart> parts;
    uint64_t hash_seed = 0;
    std::string file;
  };
  void run_folds();
  [[nodiscard]] std::string folding_path() const;
  void fold_when_due();
  [[nodiscard]] Result<std::shared_ptr<const CompiledSnapshot>> make_base(const Fold& fold) const;
  void finish_fold(const Fold& fold, const Result<std::shared_ptr<const CompiledSnapshot>>& base);

  // Reads: updater_reads.cpp.
  [[nodiscard]] Result<FeedRun> run_of(const FeedSettings& feed, const StoredGeneration& of) const;
  [[nodiscard]] Result<FeedDelta> delta_of(const FeedSettings& feed, const StoredGeneration& before,
                                           const StoredGeneration& after) const;
  [[nodiscard]] Result<std::string> export_of(const ExportRequest& request,
                                              const StoredGeneration& now) const;
  void preview(const Change& change, const Compiled& compiled, const BuiltSnapshot& built,
               ChangeResult& result);

  // Guards, and what people say of what they hold: updater_holds.cpp.
  std::string keep_held(const Change& change, const HeldChange& held, IncomingList& list);
  static void leave_as_it_was(const std::string& feed, Change& change);
  static void try_again(const std::string& feed, Change& change);
  ChangeResult decide_change(const HoldVerdict& verdict);
  ChangeResult decide_entries(const HoldVerdict& verdict);
  static bool is_on_trial(const FeedSettings& feed, const StoredGeneration& of);
  void note_audit(const StoredGeneration& next, std::string outcome, std::string why,
                  const ChangeResult& result);
  void note_audit(const GenerationRecord& next, std::string outcome, std::string why,
                  const ChangeResult& result);
  void note_again(const Change& change, const std::vector<SmallChange>& again);
  [[nodiscard]] std::string no_room_to_note() const;  // why no change can be made; empty: it can
  void show_audit(const Result<void>& written);
  void look_at_disk();
  void flush_audit_at_stop();

  // Sources: updater_sources.cpp.
  void note_failure(const std::string& feed, const std::string& error);
  void note_success(const std::string& feed);
  Result<bool> take_file(const FeedSettings& feed, Change& change);  // false: as it was
  void look_at_files();
  void start_due_fetches();
  milliseconds jittered(milliseconds pause);
  struct Download {
    bool is_unchanged = false;
    std::string version;
    std::shared_ptr<IncomingList> list;
  };
  void start_fetch(const FeedSettings& feed);
  [[nodiscard]] Result<Download> fetch_list(FetchRequest request, bool is_taxii) const;
  void finish_fetch(const std::string& feed, const std::string& source, Result<Download> fetched);
  ChangeResult settle(const std::string& feed, ChangeResult result);

  [[nodiscard]] Change begin(std::string what, std::string who) const;
  [[nodiscard]] const FeedSettings* feed_named(std::string_view name) const;
  [[nodiscard]] std::vector<ExceptionSettings> all_exceptions(const StoredGeneration& of) const;
  [[nodiscard]] ChangeResult refused(std::string error) const;
  ChangeResult attempt(const std::function<ChangeResult()>& job) const;
  static void survive(const JobQueue::Job& job) noexcept;
  [[nodiscard]] std::string settings_id(const FeedSettings& feed) const;
  [[nodiscard]] uint64_t entries_of(const std::string& feed) const;
  [[nodiscard]] bool lists(const std::string& feed, const std::string& canonical) const;
  void mark_changed_settings(Change& change) const;
  [[nodiscard]] bool has_other_feeds(const CompiledSnapshot& snapshot) const;
  void adopt_settings(IocSettings settings);
  void show_feeds();
  void show_rejects(const std::string& feed, const std::string& id);
  void show_generations();
  template <typename T>
  std::shared_ptr<const T> freed_here(std::unique_ptr<const T> snapshot) const;

  const std::string incoming_;
  IocSettings settings_;
  std::vector<Name> protect_;
  Guards guards_;
  HeldChanges held_;
  std::unique_ptr<AuditLog> audit_;
  Faults own_faults_;  // said in the log alone
  Faults& faults_;
  Publish publish_;
  Random random_;
  std::unique_ptr<Store> store_;
  Layers layers_;                             // what is in force
  std::shared_ptr<const Snapshot> snapshot_;  // the same, as others see it
  MonoTime overlay_since_{};                  // the oldest change in it
  bool is_folding_ = false;
  MonoTime next_fold_{};  // not before
  bool is_serving_ = false;
  bool is_lent_ = false;  // another thread compiles: nothing but small changes meanwhile
  bool has_built_ = false;
  std::map<std::string, FeedAttempts> attempts_;
  MonoTime next_look_{};
  MonoTime next_audit_{};  // when the disk is looked at, and what waits for the record tried again
  // What the store knew of when the record could not be read; nothing: it was.
  std::optional<std::vector<GenerationRecord>> not_compared_;
  std::vector<std::string> losses_;              // what the start found missing or damaged
  std::map<std::string, std::string> not_laid_;  // feed -> why its journal could not be laid over the base
  bool is_to_commit_ = false;                    // the start itself is a change
  uint64_t set_aside_ = 0;                       // files, after the start

  std::shared_ptr<JobQueue> jobs_ = std::make_shared<JobQueue>();
  JobQueue fetches_;  // downloads wait for servers, pushes must not wait for downloads
  JobQueue folds_;    // nor for a base that takes in what changed
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::thread fetcher_;
  std::thread folder_;
  mutable std::mutex views_mutex_;
  Views views_;
  std::map<std::string, std::string> shown_rejects_;  // feed -> id of what views_ holds
};

bool is_file_source(const FeedSettings& feed);
bool is_url_source(const FeedSettings& feed);
std::string fingerprint_of(const FeedSettings& feed, const std::vector<std::string>& protect);
std::string fingerprint_of(const std::vector<ExceptionSettings>& exceptions);

}  // namespace cenote
