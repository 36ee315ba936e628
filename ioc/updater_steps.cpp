#include <algorithm>

#include "ioc/store_json.h"
#include "ioc/updater_work.h"

namespace cenote {

Result<CompiledFeed> Updater::Work::compile_one(const Change& change, const FeedSettings& feed) {
  const auto stored = change.next.feeds.find(feed.name);
  FeedContent content;
  std::string body;
  if (const auto given = change.bodies.find(feed.name); given != change.bodies.end()) {
    content.body = given->second;
  } else if (stored != change.next.feeds.end() && !stored->second.content.empty()) {
    auto kept = store_->content(stored->second.content);
    if (!kept) {
      return kept.error();
    }
    body = std::move(*kept);
    content.body = body;
  }
  if (stored != change.next.feeds.end()) {
    content.format = stored->second.format;
    if (!stored->second.patch.empty()) {
      auto patch = store_->content(stored->second.patch);
      if (!patch) {
        return patch.error();
      }
      content.patch = read_patch(*patch);
    }
    if (!stored->second.decisions.empty()) {
      auto decisions = store_->content(stored->second.decisions);
      if (!decisions) {
        return decisions.error();
      }
      content.decisions = read_decisions(*decisions);
    }
  }
  content.guards = &guards_;
  for (const SingleIndicator& single : change.next.singles) {
    if (single.feed == feed.name) {
      content.singles.push_back(single);
    }
  }
  FeedSettings effective = feed;
  if (is_on_trial(feed, change.next)) {
    effective.action = Action::kMonitor;
  }
  return compile_feed(effective, protect_, content);
}

// A feed that fails is fatal only to the change that was about it; otherwise it stays as it was.
Result<void> Updater::Work::compile(Change& change, Compiled& out) {
  for (const FeedSettings& feed : settings_.feeds) {
    if (!change.feeds.contains(feed.name)) {
      continue;
    }
    auto compiled = compile_one(change, feed);
    if (!compiled && feed.name == change.subject) {
      return compiled.error();
    }
    if (!compiled) {
      note_failure(feed.name, compiled.error().message);
      leave_as_it_was(feed.name, change);
      continue;
    }
    out.emplace(feed.name, std::move(*compiled));
  }
  return {};
}

BuiltSnapshot Updater::Work::build(const Change& change, const Compiled& compiled,
                                   const FeedRun* exceptions) {
  std::vector<FeedPart> parts;
  for (const FeedSettings& feed : settings_.feeds) {
    const auto changed = compiled.find(feed.name);
    parts.push_back({feed.name, changed == compiled.end() ? nullptr : &changed->second.run});
  }
  parts.push_back({std::string(kExceptionsFeed), exceptions});
  return build_snapshot(snapshot_.get(), parts, change.next.number, random_.u64());
}

// Contents first, then the snapshot, then the manifest that names them: the commit.
Result<void> Updater::Work::keep(Change& change, const Compiled& compiled, const BuiltSnapshot& built) {
  for (const auto& [name, body] : change.bodies) {
    auto id = store_->put_content(body);
    if (!id) {
      return id.error();
    }
    StoredFeed& feed = change.next.feeds[name];
    feed.content = *id;
    feed.changed = change.next.made;
    feed.trial_since = feed.trial_since == WallTime{} ? change.next.made : feed.trial_since;
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
  change.next.exceptions_settings = fingerprint_of(settings_.exceptions);
  if (Result<void> written = store_->put_snapshot(change.next.number, built.image); !written) {
    return written;
  }
  return store_->commit(std::move(change.next));
}

void Updater::Work::publish(std::unique_ptr<const CompiledSnapshot> snapshot) {
  // Whoever lets go last, the memory is given back here: unmapping a large image must not stop a worker.
  snapshot_ = std::shared_ptr<const CompiledSnapshot>(
      snapshot.release(), [jobs = jobs_](const CompiledSnapshot* last) {
        jobs->post([owner = std::shared_ptr<const CompiledSnapshot>(last)] {});
      });
  publish_(snapshot_);
  refresh_views();
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
  Views views;
  const StoredGeneration& current = store_->current();
  views.generation = current.number;
  views.singles = current.singles;
  views.held_changes = held_.waiting();
  views.exceptions = current.exceptions;
  for (const ExceptionSettings& exception : settings_.exceptions) {
    views.exceptions.push_back({exception, "configuration", {}});
  }
  for (const FeedSettings& feed : settings_.feeds) {
    FeedStatus status;
    status.name = feed.name;
    status.source = feed.source;
    status.format = feed.format;
    status.category = feed.category;
    status.action = feed.action;
    status.entries = entries_of(feed.name);
    if (const auto stored = current.feeds.find(feed.name); stored != current.feeds.end()) {
      status.rejected = stored->second.rejected;
      status.held = stored->second.held;
      status.generation = stored->second.generation;
      status.who = stored->second.who;
      if (is_on_trial(feed, current) && !stored->second.content.empty()) {
        status.trial_end = stored->second.trial_since + feed.monitor_for;
      }
      if (!stored->second.content.empty()) {
        status.last_success = stored->second.changed;
      }
      if (auto text = stored->second.rejects.empty() ? Result<std::string>(std::string("[]"))
                                                     : store_->content(stored->second.rejects)) {
        views.rejects[feed.name] = read_rejects(*text);
      }
    }
    const FeedAttempts& attempts = attempts_[feed.name];
    status.last_success = attempts.last_success ? attempts.last_success : status.last_success;
    status.last_attempt = attempts.last_attempt ? attempts.last_attempt : status.last_success;
    status.last_error = attempts.last_error;
    views.feeds.push_back(std::move(status));
  }
  for (const StoredGeneration& each : store_->generations()) {
    const bool is_current = each.number == current.number;
    views.generations.insert(
        views.generations.begin(),
        {each.number, each.made, each.what, each.who, each.names, each.addresses, is_current, !is_current});
  }
  const std::lock_guard lock(views_mutex_);
  views_ = std::move(views);
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

std::vector<RejectRow> Updater::Work::rejects(const std::string& feed) const {
  const std::lock_guard lock(views_mutex_);
  const auto found = views_.rejects.find(feed);
  return found == views_.rejects.end() ? std::vector<RejectRow>{} : found->second;
}

}  // namespace cenote
