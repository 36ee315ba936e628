#include <algorithm>

#include "ioc/image.h"
#include "ioc/overlaid_snapshot.h"
#include "ioc/store_json.h"
#include "ioc/updater_work.h"
#include "resolver/base/log.h"

namespace cenote {

Result<CompiledFeed> Updater::Work::compile_one(const Change& change, const FeedSettings& feed) const {
  const auto stored = change.next.feeds.find(feed.name);
  FeedContent content;
  content.folder = incoming_;
  if (const auto given = change.lists.find(feed.name); given != change.lists.end()) {
    content.file = given->second->path();
    content.id = given->second->id();
  } else if (stored != change.next.feeds.end() && !stored->second.content.empty()) {
    content.file = store_->content_path(stored->second.content);
    content.id = stored->second.content;
  }
  if (stored != change.next.feeds.end()) {
    content.format = stored->second.format;
    auto patch = store_->patch_of(stored->second);
    if (!patch) {
      return patch.error();
    }
    content.patch = read_patch(*patch);
  }
  for (const SingleIndicator& single : change.next.singles) {
    if (single.feed == feed.name) {
      content.singles.push_back(single);
    }
  }
  return compile_content(feed, change.next, std::move(content));
}

// Under the feed's guards, what people decided about what they hold, and its trial.
Result<CompiledFeed> Updater::Work::compile_content(const FeedSettings& feed, const StoredGeneration& of,
                                                    FeedContent content) const {
  const auto stored = of.feeds.find(feed.name);
  if (stored != of.feeds.end() && !stored->second.decisions.empty()) {
    auto decisions = store_->content(stored->second.decisions);
    if (decisions) {
      content.decisions = read_decisions(*decisions);
    } else {  // a few lines need not wait for whoever decides again
      log::error("feed {}: what people decided about its held entries is lost: {}", feed.name,
                 decisions.error().message);
    }
  }
  content.guards = &guards_;
  FeedSettings effective = feed;
  if (is_on_trial(feed, of)) {
    effective.action = Action::kMonitor;
  }
  return compile_feed(effective, protect_, content);
}

// A feed that fails is fatal only to the change that was about it; otherwise it stays as it was.
Result<void> Updater::Work::compile(Change& change, Compiled& out) const {
  for (const FeedSettings& feed : settings_.feeds) {
    if (!change.feeds.contains(feed.name)) {
      continue;
    }
    auto compiled = compile_one(change, feed);
    if (!compiled && feed.name == change.subject) {
      return compiled.error();
    }
    if (!compiled) {
      change.failed[feed.name] = compiled.error().message;
      continue;
    }
    out.emplace(feed.name, std::move(*compiled));
  }
  return {};
}

void Updater::Work::settle_failed(Change& change) {
  for (const auto& [feed, error] : change.failed) {
    note_failure(feed, error);
    leave_as_it_was(feed, change);
    try_again(feed, change);
  }
}

Result<BuiltSnapshot> Updater::Work::build(const Change& change, const Compiled& compiled) {
  const FeedRun exceptions = change.exceptions ? compile_exceptions(all_exceptions(change.next)) : FeedRun{};
  std::vector<FeedPart> parts;
  for (const FeedSettings& feed : settings_.feeds) {
    const auto changed = compiled.find(feed.name);
    parts.push_back({feed.name, changed == compiled.end() ? nullptr : &changed->second.run});
  }
  parts.push_back({std::string(kExceptionsFeed), change.exceptions ? &exceptions : nullptr});
  const BuildOptions options{change.next.number, random_.u64(), incoming_, nullptr};
  const Layers& from = change.from;
  Result<BuiltSnapshot> built = fail("nothing was built");
  behind_serving([&] { built = build_snapshot(from.base.get(), from.overlay.get(), parts, options); });
  return built;
}

// The new base, and over it once more what came while it was made: small changes that were acknowledged go on
// as generations behind it.
Result<std::vector<SmallChange>> Updater::Work::put_in_force(Change& change, const Compiled& compiled,
                                                             const BuiltSnapshot& built, uint64_t since) {
  std::vector<SmallChange> later;
  std::copy_if(store_->changes().begin(), store_->changes().end(), std::back_inserter(later),
               [&](const SmallChange& small) { return small.number > since; });
  if (!later.empty()) {
    change.next.number = store_->next_number();
    if (Result<void> renumbered = renumber_snapshot(*built.file, change.next.number); !renumbered) {
      return renumbered.error();
    }
  }
  auto base = CompiledSnapshot::open(built.file->path());
  if (!base) {
    return base.error();
  }
  auto layers = lay_again({own(std::move(*base)), nullptr}, change, later);
  if (!layers) {
    return layers.error();
  }
  std::vector<SmallChange> again = later;
  if (Result<void> kept = keep(change, compiled, built, std::move(later)); !kept) {
    return kept.error();
  }
  publish(std::move(*layers));
  return again;
}

// Contents first, then the snapshot, then the manifest that names them: the commit.
Result<void> Updater::Work::keep(Change& change, const Compiled& compiled, const BuiltSnapshot& built,
                                 std::vector<SmallChange> later) {
  for (const auto& [name, list] : change.lists) {
    auto id = store_->put_content(*list);
    if (!id) {
      return id.error();
    }
    StoredFeed& feed = change.next.feeds[name];
    feed.content = *id;
    feed.changed = change.next.made;
    feed.lost.clear();
    feed.trial_since = feed.trial_since == WallTime{} ? change.next.made : feed.trial_since;
    if (const auto result = compiled.find(name); result != compiled.end()) {
      remember(feed.lists, size_of(name, result->second));
    }
  }
  for (const auto& [name, result] : compiled) {
    auto rejects = store_->put_content(write_rejects(result.rows));
    if (!rejects) {
      return rejects.error();
    }
    StoredFeed& feed = change.next.feeds[name];
    feed.generation = change.next.number;
    feed.settings = settings_id(*feed_named(name));
    feed.rejected = result.rejected;
    feed.held = result.held;
    feed.rejects = *rejects;
  }
  change.next.names = built.names;
  change.next.addresses = built.addresses;
  change.next.snapshot = image_checksum(*built.file);
  change.next.exceptions_settings = fingerprint_of(settings_.exceptions);
  if (Result<void> written = store_->put_snapshot(change.next.number, *built.file); !written) {
    return written;
  }
  return store_->commit(change.next, std::move(later));
}

// Whoever lets go last, the memory is given back here: unmapping a large image must not stop a worker.
template <typename T>
std::shared_ptr<const T> Updater::Work::freed_here(std::unique_ptr<const T> snapshot) const {
  return {snapshot.release(),
          [jobs = jobs_](const T* last) { jobs->post([owner = std::shared_ptr<const T>(last)] {}); }};
}

std::shared_ptr<const CompiledSnapshot> Updater::Work::own(
    std::unique_ptr<const CompiledSnapshot> snapshot) const {
  return freed_here(std::move(snapshot));
}

std::shared_ptr<const Snapshot> Updater::Work::view_of(const Layers& layers, uint64_t generation) const {
  if (layers.overlay == nullptr && layers.base->generation() == generation) {
    return layers.base;
  }
  const Layers both{layers.base, layers.overlay ? layers.overlay : empty_overlay(*layers.base)};
  return freed_here(std::make_unique<const OverlaidSnapshot>(both, generation));
}

void Updater::Work::publish(Layers layers) {
  if (layers_.overlay == nullptr) {
    overlay_since_ = mono_now();
  }
  layers_ = std::move(layers);
  snapshot_ = view_of(layers_, store_->current().number);
  publish_(snapshot_);
}

ChangeResult Updater::Work::summary(const Change& change, const Compiled& compiled,
                                    const BuiltSnapshot& built) const {
  ChangeResult result;
  result.accepted = true;
  result.held_change = change.held;
  result.generation = change.dry_run ? store_->current().number : change.next.number;
  for (size_t i = 0; i < settings_.feeds.size() + 1; ++i) {
    const bool is_exceptions = i == settings_.feeds.size();
    if (!is_exceptions && !change.subject.empty() && settings_.feeds[i].name != change.subject) {
      continue;
    }
    result.added += built.differences[i].added;
    result.removed += built.differences[i].removed;
    result.unchanged += built.differences[i].unchanged;
  }
  for (const auto& [name, feed] : compiled) {
    if (!change.subject.empty() && name != change.subject) {
      continue;
    }
    result.rejected += feed.rejected;
    result.held += feed.held;
    const size_t room = kFirstRejects - result.first_rejects.size();
    result.first_rejects.insert(result.first_rejects.end(), feed.rows.begin(),
                                feed.rows.begin() + static_cast<ptrdiff_t>(std::min(room, feed.rows.size())));
  }
  return result;
}

void Updater::Work::refresh_views() {
  const StoredGeneration& current = store_->current();
  std::vector<ExceptionRecord> own;
  for (const ExceptionSettings& exception : settings_.exceptions) {
    own.push_back({exception, "configuration", {}});
  }
  const std::lock_guard lock(views_mutex_);
  views_.singles = current.singles;
  views_.exceptions = current.exceptions;
  views_.own_exceptions = std::move(own);
  show_feeds();
  show_generations();
}

// The same after a small change, without a copy of what it left as it was.
void Updater::Work::refresh_views(const SmallChange& change) {
  const std::lock_guard lock(views_mutex_);
  StoredGeneration by_hand;
  by_hand.singles.swap(views_.singles);
  by_hand.exceptions.swap(views_.exceptions);
  apply(change, by_hand);
  by_hand.singles.swap(views_.singles);
  by_hand.exceptions.swap(views_.exceptions);
  show_feeds();
  show_generations();
}

// REQUIRES: the views are locked.
void Updater::Work::show_feeds() {
  const StoredGeneration& current = store_->current();
  views_.held_changes = held_.waiting();
  views_.losses = losses_;
  views_.set_aside = set_aside_;
  views_.feeds.clear();
  for (const FeedSettings& feed : settings_.feeds) {
    FeedStatus status;
    status.name = feed.name;
    status.source = feed.source;
    status.refresh = feed.refresh;
    status.format = feed.format;
    status.category = feed.category;
    status.action = feed.action;
    status.entries = entries_of(feed.name);
    status.limits = limits_of(feed, settings_.guards, {});
    if (const auto stored = current.feeds.find(feed.name); stored != current.feeds.end()) {
      status.rejected = stored->second.rejected;
      status.held = stored->second.held;
      status.generation = stored->second.generation;
      status.who = stored->second.who;
      status.limits = limits_of(feed, settings_.guards, stored->second.lists);
      if (is_on_trial(feed, current) && !stored->second.content.empty()) {
        status.trial_end = stored->second.trial_since + feed.monitor_for;
      }
      if (!stored->second.content.empty()) {
        status.last_success = stored->second.changed;
      }
      status.last_error = stored->second.lost;
      show_rejects(feed.name, stored->second.rejects);
    }
    const FeedAttempts& attempts = attempts_[feed.name];
    status.last_success = attempts.last_success ? attempts.last_success : status.last_success;
    status.last_attempt = attempts.last_attempt ? attempts.last_attempt : status.last_success;
    status.last_error = !attempts.last_error.empty() ? attempts.last_error
                        : !status.last_error.empty() ? status.last_error
                                                     : held_.damaged(feed.name);
    views_.feeds.push_back(std::move(status));
  }
}

void Updater::Work::show_rejects(const std::string& feed, const std::string& id) {
  if (std::string& shown = shown_rejects_[feed]; shown != id) {
    const auto text = id.empty() ? Result<std::string>(std::string("[]")) : store_->content(id);
    views_.rejects[feed] = text ? read_rejects(*text) : std::vector<RejectRow>{};
    shown = id;
  }
}

void Updater::Work::show_generations() {
  views_.generation = store_->current().number;
  views_.generations = store_->history();
  std::reverse(views_.generations.begin(), views_.generations.end());
}

uint64_t Updater::Work::entries_of(const std::string& feed) const {
  if (snapshot_) {
    for (const SnapshotFeed& each : snapshot_->feeds()) {
      if (each.name == feed) {
        return each.entries;
      }
    }
  }
  return 0;
}

std::vector<ExceptionRecord> Updater::Work::exceptions() const {
  const std::lock_guard lock(views_mutex_);
  std::vector<ExceptionRecord> all = views_.exceptions;
  all.insert(all.end(), views_.own_exceptions.begin(), views_.own_exceptions.end());
  return all;
}

Held Updater::Work::held() const {
  const std::lock_guard lock(views_mutex_);
  Held held;
  held.changes = views_.held_changes;
  for (const auto& [feed, rows] : views_.rejects) {
    for (const RejectRow& row : rows) {
      if (row.held) {
        held.entries.push_back({feed, row});
      }
    }
  }
  return held;
}

StateHealth Updater::Work::state_health() const {
  StateHealth health;
  {
    const std::lock_guard lock(views_mutex_);
    health.losses = views_.losses;
    health.set_aside = views_.set_aside;
  }
  health.audit_waiting = audit_ == nullptr ? 0 : audit_->waiting();
  return health;
}

std::vector<RejectRow> Updater::Work::rejects(const std::string& feed) const {
  const std::lock_guard lock(views_mutex_);
  const auto found = views_.rejects.find(feed);
  return found == views_.rejects.end() ? std::vector<RejectRow>{} : found->second;
}

}  // namespace cenote
