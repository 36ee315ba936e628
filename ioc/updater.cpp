#include "ioc/updater.h"

#include <utility>

#include <malloc.h>
#include <unistd.h>

#include "ioc/background_thread.h"
#include "ioc/updater_work.h"
#include "resolver/base/log.h"

namespace cenote {

// The way of a feed, from what came to what is in force. Nothing changes before the commit; after it the
// change outlives any crash; only then does anybody see it.
ChangeResult Updater::Work::enforce(Change change) {
  if (std::string full = no_room_to_note(); !full.empty() && !change.dry_run) {
    return refused(std::move(full));
  }
  const uint64_t since = store_->current().number;  // small changes may come while lists are compiled
  change.next.number = store_->next_number();
  change.next.made = wall_now();
  drop_ended(change.next);
  const std::set<std::string> feeds = change.feeds;
  for (const std::string& feed : feeds) {
    drop_unreadable_decisions(change, feed);
  }
  Compiled compiled;
  Result<void> parsed;
  behind_serving([&] { parsed = compile(change, compiled); });
  settle_failed(change);
  if (!parsed) {
    return refused(parsed.error().message);
  }
  if (Result<void> allowed = guard(change, compiled); !allowed) {
    ChangeResult stopped = refused(allowed.error().message);
    stopped.held_change = change.held;
    return stopped;
  }
  auto built = build(change, compiled);
  if (!built) {
    return refused(built.error().message);
  }
  if (change.dry_run) {
    ChangeResult result = summary(change, compiled, *built);
    preview(change, compiled, *built, result);
    return result;
  }
  ChangeResult result = summary(change, compiled, *built);  // before the commit: it may need memory
  const auto again = put_in_force(change, compiled, *built, since);
  if (!again) {
    return refused(again.error().message);
  }
  result.generation = change.next.number;  // another when small changes came meanwhile
  note_audit(change.next, "done", change.why, result);
  note_again(change, *again);
  if (change.lists.contains(change.subject)) {
    held_.drop(change.subject);  // what was held of it is out of date
  }
  refresh_views();
  return result;
}

// The short way, for a few entries: they are laid over what is in force, and the journal is the commit.
ChangeResult Updater::Work::enforce(SmallChange change) {
  if (!fits_overlay(change) || has_many_ended()) {
    return enforce_whole(change);
  }
  if (std::string full = no_room_to_note(); !full.empty()) {
    return refused(std::move(full));
  }
  StoredGeneration after = touched_by_hand(change);
  apply(change, after);
  CompiledFeed compiled;
  const auto changed = lay_over(layers_, change, after, compiled);
  if (!changed) {
    return refused(changed.error().message);
  }
  Layers layers{layers_.base, changed->overlay};
  const ChangeResult result = summary(change, *changed, compiled);
  if (Result<void> kept = keep(change, *view_of(layers, change.number), compiled); !kept) {
    return refused(kept.error().message);
  }
  publish(std::move(layers));
  note_audit(store_->current(), "done", {}, result);
  refresh_views(change);
  return result;
}

// Before anything is served: the last snapshot as it is when nothing changed meanwhile, else a new one.
Result<void> Updater::Work::load(StateLock lock) {
  auto store = Store::open(settings_.state_dir, std::move(lock));
  if (!store) {
    return store.error();
  }
  store_ = std::move(*store);
  open_records();
  ::unlink(folding_path().c_str());
  if (store_->current().number != 0) {
    if (Result<void> resumed = resume(); !resumed) {
      log::warn("{}; the snapshot is made again from the feeds", resumed.error().message);
    }
  }
  Change change = begin("start", "cenote");
  mark_changed_settings(change);
  recover(change);
  for (const FeedSettings& feed : settings_.feeds) {
    if (is_file_source(feed)) {
      if (auto taken = take_file(feed, change); !taken) {
        note_failure(feed.name, taken.error().message);
      }
    }
  }
  if (!snapshot_ || !change.feeds.empty() || change.exceptions || is_to_commit_ ||
      has_other_feeds(*layers_.base)) {
    if (const ChangeResult done = enforce(std::move(change)); !done.accepted) {
      if (!snapshot_) {
        return fail("{}", done.error);
      }
      lose(fmt::format("{}: what was in force before the start stays so", done.error));
    }
  }
  for (const FeedSettings& feed : settings_.feeds) {
    if (const auto stored = store_->current().feeds.find(feed.name);
        stored != store_->current().feeds.end() && !stored->second.lost.empty()) {
      note_failure(feed.name, stored->second.lost);
    }
  }
  set_aside_ = store_->count_set_aside();
  refresh_views();
  return {};
}

// The work is lent to a thread behind the workers, and small changes need not wait for it.
void Updater::Work::behind_serving(const std::function<void()>& work, Meanwhile meanwhile) {
  constexpr milliseconds kLookEvery{5};
  has_built_ = true;
  if (!is_serving_) {
    work();  // nobody waits for an answer yet
    return;
  }
  std::atomic<bool> is_done{false};
  is_lent_ = true;
  const auto take_back = [this](void*) { is_lent_ = false; };
  const std::unique_ptr<void, decltype(take_back)> lending(this, take_back);
  BackgroundThread lent(work, [&] {
    is_done = true;
    jobs_->wake();
  });
  while (!is_done && !jobs_->is_closed()) {
    if (meanwhile == Meanwhile::kNothing) {
      std::this_thread::sleep_for(kLookEvery);
    } else if (auto job = jobs_->take_short(is_done, mono_now() + seconds(1))) {
      survive(*job);
    }
    lent.hurry_if_starved();
  }
  lent.finish();
}

// The updater's thread: jobs in the order in which they came, and between them a look at the sources.
void Updater::Work::run() {
  constexpr milliseconds kLookEvery{250};  // a changed file is to be enforced within a second
  is_serving_ = true;
  while (!stopping_) {
    if (auto job = jobs_->take(next_look_)) {
      survive(*job);
    }
    if (std::exchange(has_built_, false)) {
      ::malloc_trim(0);  // a list takes a few times its size while it is built: that goes back at once
    }
    if (mono_now() >= next_look_ && !stopping_) {
      survive([this] {
        look_at_files();
        start_due_fetches();
      });
      next_look_ = mono_now() + kLookEvery;
    }
    survive([this] {
      fold_when_due();
      look_at_disk();
    });
  }
}

Updater::Updater(IocSettings settings, Publish publish, Faults* faults)
    : work_(std::make_unique<Work>(std::move(settings), std::move(publish), faults)) {}
Updater::~Updater() {
  stop();
}

Result<void> Updater::load(StateLock lock) {
  return work_->load(std::move(lock));
}
void Updater::start() {
  work_->start();
}
void Updater::stop() {
  work_->stop();
}

Result<std::shared_ptr<IncomingList>> Updater::new_list() const {
  return work_->new_list();
}
void Updater::push(PushRequest request, Done done) {
  work_->post([this, request = std::move(request)] { return work_->push(request); }, std::move(done));
}
void Updater::patch(PatchRequest request, Done done) {
  const std::string feed = request.feed;
  const size_t entries = request.add.size() + request.remove.size();
  work_->post_small(
      feed, entries, [this, request = std::move(request)] { return work_->patch(request); }, std::move(done));
}
void Updater::add_indicator(SingleIndicator indicator, Done done) {
  const std::string feed = indicator.feed;
  work_->post_small(
      feed, 1, [this, indicator = std::move(indicator)] { return work_->add_indicator(indicator); },
      std::move(done));
}
void Updater::remove_indicator(std::string feed, std::string name, std::string who, Done done) {
  work_->post_small(
      feed, 1,
      [this, feed, name = std::move(name), who = std::move(who)] {
        return work_->remove_indicator(feed, name, who);
      },
      std::move(done));
}
void Updater::add_exception(ExceptionSettings exception, std::string who, Done done) {
  work_->post_small(
      {}, 1,
      [this, exception = std::move(exception), who = std::move(who)] {
        return work_->add_exception(exception, who);
      },
      std::move(done));
}
void Updater::remove_exception(std::string name, std::string who, Done done) {
  work_->post_small(
      {}, 1,
      [this, name = std::move(name), who = std::move(who)] { return work_->remove_exception(name, who); },
      std::move(done));
}
void Updater::rollback(uint64_t generation, std::string who, Done done) {
  work_->post([this, generation, who = std::move(who)] { return work_->rollback(generation, who); },
              std::move(done));
}
void Updater::refresh(std::string feed, Done done) {
  work_->post([this, feed = std::move(feed)] { return work_->refresh(feed); }, std::move(done));
}
void Updater::decide_held(HoldVerdict verdict, Done done) {
  work_->post([this, verdict = std::move(verdict)] { return work_->decide_held(verdict); }, std::move(done));
}
void Updater::promote(std::string feed, bool force, std::string who, Done done) {
  work_->post([this, feed = std::move(feed), force,
               who = std::move(who)] { return work_->promote(feed, force, who); },
              std::move(done));
}
void Updater::reload(IocSettings settings, Done done) {
  work_->post([this, settings = std::move(settings)] { return work_->reload(settings); }, std::move(done));
}

std::vector<FeedStatus> Updater::feeds() const {
  return work_->view(&Work::Views::feeds);
}
std::vector<RejectRow> Updater::rejects(const std::string& feed) const {
  return work_->rejects(feed);
}
std::vector<GenerationRecord> Updater::generations() const {
  return work_->view(&Work::Views::generations);
}
std::vector<ExceptionRecord> Updater::exceptions() const {
  return work_->exceptions();
}
std::vector<SingleIndicator> Updater::indicators() const {
  return work_->view(&Work::Views::singles);
}
void Updater::diff(uint64_t from, uint64_t to, DiffDone done) {
  work_->post_read<GenerationDiff>([this, from, to] { return work_->diff(from, to); }, std::move(done));
}
void Updater::export_set(ExportRequest request, ExportDone done) {
  work_->post_read<std::string>([this, request = std::move(request)] { return work_->export_set(request); },
                                std::move(done));
}
Held Updater::held() const {
  return work_->held();
}
AuditLog::Page Updater::audit(uint64_t after, size_t limit) const {
  return work_->audit() == nullptr ? AuditLog::Page{} : work_->audit()->read(after, limit);
}
StateHealth Updater::state_health() const {
  return work_->state_health();
}
uint64_t Updater::generation() const {
  return work_->view(&Work::Views::generation);
}

}  // namespace cenote
