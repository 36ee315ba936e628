#include <algorithm>
#include <span>

#include "ioc/updater_work.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

// Each stands in all generations of the manifest, which a start reads whole; more belong into a list.
constexpr size_t kMostSinglesOfFeed =
    5'000;  // half of all: one feed's token must not take every other's room
constexpr size_t kMostSingles = 10'000;
constexpr size_t kMostExceptions = 2'000;
// Of one feed since its last whole list: each line is read again whenever the feed is compiled.
constexpr uint64_t kMostPatchBytes = uint64_t{32} << 20;

uint64_t patch_bytes(const StoredFeed& feed) {
  const bool is_known = !feed.patch.empty() && feed.patch_bytes != UINT64_MAX;  // early manifests say nothing
  return (is_known ? feed.patch_bytes : 0) + feed.patch_tail.size();
}

bool has_ended(const std::optional<WallTime>& until) {
  return until && *until <= wall_now();
}

// Those that have ended count no more: they go with the next whole list.
size_t count_live(const std::vector<SingleIndicator>& singles, const std::string& feed) {
  return static_cast<size_t>(
      std::count_if(singles.begin(), singles.end(), [&](const SingleIndicator& single) {
        return (feed.empty() || single.feed == feed) && !has_ended(single.until);
      }));
}

}  // namespace

void Updater::Work::drop_ended(StoredGeneration& next) {
  const WallTime now = wall_now();
  if (next.singles.size() > kMostSingles / 2) {
    std::erase_if(next.singles,
                  [&](const SingleIndicator& single) { return single.until && *single.until <= now; });
  }
  if (next.exceptions.size() > kMostExceptions / 2) {
    std::erase_if(next.exceptions, [&](const ExceptionRecord& record) {
      return record.exception.until && *record.exception.until <= now;
    });
  }
}

// Small changes alone leave them where they are.
bool Updater::Work::has_many_ended() const {
  return store_->current().singles.size() > 2 * kMostSingles ||
         store_->current().exceptions.size() > 2 * kMostExceptions;
}

Updater::Work::Work(IocSettings settings, Publish publish, Faults* faults)
    : incoming_(Store::incoming_folder(settings.state_dir)),
      faults_(faults == nullptr ? own_faults_ : *faults),
      publish_(std::move(publish)) {
  adopt_settings(std::move(settings));
}

Updater::Work::~Work() {
  snapshot_.reset();
  layers_ = {};
}

void Updater::Work::adopt_settings(IocSettings settings) {
  settings_ = std::move(settings);
  protect_.clear();
  for (const std::string& text : settings_.protect) {
    if (const auto name = Name::from_text(text)) {
      protect_.push_back(*name);
    } else {
      log::error("protect: {} is no name", printable(text));
    }
  }
  guards_ = Guards::load(settings_.guards, settings_.base_dir);
}

void Updater::Work::start() {
  thread_ = std::thread([this] { run(); });
  folder_ = std::thread([this] { run_folds(); });
  fetcher_ = std::thread([this] {
    while (!stopping_) {
      if (auto job = fetches_.take(mono_now() + seconds(60))) {
        survive(*job);
      }
    }
  });
}

void Updater::Work::stop() {
  if (stopping_.exchange(true)) {
    return;
  }
  static_cast<void>(fetches_.close());
  static_cast<void>(folds_.close());
  std::deque<JobQueue::Job> left = jobs_->close();
  for (std::thread* thread : {&thread_, &fetcher_, &folder_}) {
    if (thread->joinable()) {
      thread->join();
    }
  }
  survive([this] { flush_audit_at_stop(); });
  for (JobQueue::Job& job : left) {
    job();  // answers that it was not done
  }
}

// A change that needs more memory than there is fails alone: what was in force stays in force.
ChangeResult Updater::Work::attempt(const std::function<ChangeResult()>& job) const {
  if (stopping_) {
    return refused("stopping");
  }
  const auto done = guarded([&] { return Result<ChangeResult>(job()); });
  if (!done) {
    log::error("a change of the feeds failed: {}", done.error().message);
  }
  return done ? *done : refused("the change could not be made: " + done.error().message);
}

// The thread goes on with its next job.
void Updater::Work::survive(const JobQueue::Job& job) noexcept {
  const auto done = guarded([&] {
    job();
    return Result<void>();
  });
  if (!done) {
    log::error("feeds: a job failed: {}", done.error().message);
  }
}

void Updater::Work::post(std::function<ChangeResult()> job, Done done) {
  JobQueue::Job run = [this, job = std::move(job), done = std::move(done)] {
    ChangeResult result = attempt(job);
    if (done) {
      done(std::move(result));
    }
  };
  if (!jobs_->post(run)) {
    run();
  }
}

void Updater::Work::post_small(const std::string& feed, size_t entries, std::function<ChangeResult()> job,
                               Done done) {
  JobQueue::Job run = [this, feed, entries, job = std::move(job), done = std::move(done)]() mutable {
    if (is_lent_ && (!fits_overlay(feed, entries) || has_many_ended())) {
      post(std::move(job), std::move(done));  // it takes its turn with the lists
      return;
    }
    ChangeResult result = attempt(job);
    if (done) {
      done(std::move(result));
    }
  };
  if (!jobs_->post(run, JobQueue::Length::kShort)) {
    run();
  }
}

Change Updater::Work::begin(std::string what, std::string who) const {
  Change change;
  change.next = store_->current();
  change.from = layers_;
  change.before = change.next.feeds;
  change.next.what = std::move(what);
  change.next.who = std::move(who);
  return change;
}

const FeedSettings* Updater::Work::feed_named(std::string_view name) const {
  const auto found = std::find_if(settings_.feeds.begin(), settings_.feeds.end(),
                                  [&](const FeedSettings& feed) { return feed.name == name; });
  return found == settings_.feeds.end() ? nullptr : &*found;
}

ChangeResult Updater::Work::refused(std::string error) const {
  ChangeResult result;
  result.error = std::move(error);
  result.generation = view(&Views::generation);
  return result;
}

ChangeResult Updater::Work::push(PushRequest request) {
  if (feed_named(request.feed) == nullptr) {
    return refused(fmt::format("no feed is named {}", printable(request.feed)));
  }
  Change change = begin("push " + request.feed, request.who);
  StoredFeed& stored = change.next.feeds[request.feed];
  stored.format = request.format;
  stored.drop_patch();
  stored.who = request.who;
  change.subject = request.feed;
  change.feeds = {request.feed};
  change.lists[request.feed] = std::move(request.list);
  change.dry_run = request.dry_run;
  ChangeResult result = enforce(std::move(change));
  return request.dry_run ? result : settle(request.feed, std::move(result));
}

ChangeResult Updater::Work::patch(PatchRequest request) {
  if (feed_named(request.feed) == nullptr) {
    return refused(fmt::format("no feed is named {}", printable(request.feed)));
  }
  std::vector<PatchStep> steps;
  for (std::string& text : request.remove) {
    auto canonical = canonical_indicator(text, true, {});
    if (!canonical) {
      return refused(canonical.error().message);
    }
    steps.push_back({false, std::move(*canonical)});
  }
  for (std::string& text : request.add) {
    steps.push_back({true, std::move(text)});
  }
  SmallChange change = begin_small("patch " + request.feed, request.who, request.feed);
  change.patch = write_patch(steps);
  const auto stored = store_->current().feeds.find(request.feed);
  if (stored != store_->current().feeds.end() &&
      patch_bytes(stored->second) + change.patch.size() > kMostPatchBytes) {
    return refused(
        fmt::format("its patches would take more than {} bytes: push the whole list", kMostPatchBytes));
  }
  return settle(request.feed, enforce(std::move(change)));
}

ChangeResult Updater::Work::add_indicator(SingleIndicator indicator) {
  const FeedSettings* feed = feed_named(indicator.feed);
  if (feed == nullptr) {
    return refused(fmt::format("no feed is named {}", printable(indicator.feed)));
  }
  auto canonical = canonical_indicator(indicator.name, indicator.exact, protect_);
  if (!canonical) {
    return refused(canonical.error().message);
  }
  indicator.name = *canonical;
  indicator.added = wall_now();
  if (indicator.until && *indicator.until <= indicator.added) {
    return refused(fmt::format("its end, {}, has passed already", to_rfc3339(*indicator.until)));
  }
  if (const auto held = guard_single(indicator, protect_, guards_, feed->guards); held && !indicator.force) {
    return refused(fmt::format("{}: {}: {}; only --force, with the scope operate, lists it all the same",
                               indicator.name, held->reason, held->why));
  }
  const auto& singles = store_->current().singles;
  const bool replaces = std::any_of(singles.begin(), singles.end(), [&](const SingleIndicator& single) {
    return single.feed == indicator.feed && single.name == indicator.name &&
           single.exact == indicator.exact && !has_ended(single.until);
  });
  if (!replaces && (count_live(singles, indicator.feed) >= kMostSinglesOfFeed ||
                    count_live(singles, {}) >= kMostSingles)) {
    return refused(
        fmt::format("{} single indicators of a feed, {} of all, are the most: put them into a list",
                    kMostSinglesOfFeed, kMostSingles));
  }
  SmallChange change =
      begin_small("add " + indicator.name + " to " + indicator.feed, indicator.who, indicator.feed);
  change.added = std::move(indicator);
  return enforce(std::move(change));
}

// Whether the feed has an entry of exactly this name or block.
bool Updater::Work::lists(const std::string& feed, const std::string& canonical) const {
  const auto has = [&](const auto& listed, size_t depth) {
    const Hits hits(*snapshot_, listed);
    const std::span<const Hit> all = hits.all();
    return std::any_of(all.begin(), all.end(), [&](const Hit& hit) {
      return hit.depth == depth && snapshot_->feeds()[snapshot_->record(hit.record).feed].name == feed;
    });
  };
  if (const auto prefix = Prefix::from_text(canonical)) {
    return has(prefix->address, prefix->length);
  }
  const auto name = Name::from_text(canonical);
  if (!name) {
    return false;
  }
  Name child = *name;
  static_cast<void>(child.prepend_label("x"));  // so that entries for "everything below" are seen
  return has(*name, name->label_count()) || has(child, name->label_count());
}

ChangeResult Updater::Work::remove_indicator(const std::string& feed, const std::string& name,
                                             const std::string& who) {
  auto canonical = canonical_indicator(name, true, {});
  if (!canonical) {
    return refused(canonical.error().message);
  }
  const auto& singles = store_->current().singles;
  const bool is_single = std::any_of(singles.begin(), singles.end(), [&](const SingleIndicator& single) {
    return single.feed == feed && single.name == *canonical;
  });
  if (!is_single && !lists(feed, *canonical)) {
    return refused(fmt::format("{} does not list {}", printable(feed), *canonical));
  }
  if (!is_single) {
    return patch({feed, {}, {*canonical}, who});
  }
  SmallChange change = begin_small("remove " + *canonical + " from " + feed, who, feed);
  change.removed = *canonical;
  return enforce(std::move(change));
}

ChangeResult Updater::Work::add_exception(ExceptionSettings exception, const std::string& who) {
  const auto name = Name::from_text(exception.name);
  if (!name && !Prefix::from_text(exception.name)) {
    return refused(fmt::format("{} is neither a name nor an address", printable(exception.name)));
  }
  if (!exception.client.empty() && excepted_group(exception.client).empty() &&
      !Prefix::from_text(exception.client)) {
    return refused(fmt::format("{} is no address or network", printable(exception.client)));
  }
  if (const auto prefix = Prefix::from_text(exception.name)) {
    exception.name = prefix->to_text();
  } else {
    exception.name = name->to_text();
  }
  const auto& exceptions = store_->current().exceptions;
  const auto live = std::count_if(exceptions.begin(), exceptions.end(), [](const ExceptionRecord& record) {
    return !has_ended(record.exception.until);
  });
  const bool replaces = std::any_of(exceptions.begin(), exceptions.end(), [&](const ExceptionRecord& record) {
    const ExceptionSettings& other = record.exception;
    return other.name == exception.name && other.exact == exception.exact &&
           other.client == exception.client && !has_ended(other.until);
  });
  if (!replaces && static_cast<size_t>(live) >= kMostExceptions) {
    return refused(fmt::format("there are {} exceptions already: remove some", live));
  }
  SmallChange change = begin_small("allow " + exception.name, who, {});
  change.allowed = ExceptionRecord{std::move(exception), who, change.made};
  return enforce(std::move(change));
}

ChangeResult Updater::Work::remove_exception(const std::string& name, const std::string& who) {
  const auto read = Name::from_text(name);
  const std::string canonical = read && !Prefix::from_text(name) ? read->to_text() : name;
  const auto& exceptions = store_->current().exceptions;
  if (std::none_of(exceptions.begin(), exceptions.end(),
                   [&](const ExceptionRecord& record) { return record.exception.name == canonical; })) {
    return refused(fmt::format("no exception for {} was added here", printable(name)));
  }
  SmallChange change = begin_small("end of exception " + canonical, who, {});
  change.disallowed = canonical;
  return enforce(std::move(change));
}

ChangeResult Updater::Work::refresh(const std::string& feed) {
  const FeedSettings* settings = feed_named(feed);
  if (settings == nullptr) {
    return refused(fmt::format("no feed is named {}", printable(feed)));
  }
  if (is_url_source(*settings)) {
    start_fetch(*settings);
    ChangeResult begun = refused("");
    begun.accepted = true;
    return begun;
  }
  if (!is_file_source(*settings)) {
    return refused(fmt::format("{} comes by push only", feed));
  }
  attempts_[feed].looked_at.reset();
  look_at_files();
  ChangeResult result = refused(attempts_[feed].last_error);
  result.accepted = result.error.empty();
  return result;
}

ChangeResult Updater::Work::reload(IocSettings settings) {
  if (settings.state_dir != settings_.state_dir) {
    log::warn("state_dir changes only with a restart");
    settings.state_dir = settings_.state_dir;
  }
  adopt_settings(std::move(settings));
  Change change = begin("reload", "cenote");
  mark_changed_settings(change);
  for (const FeedSettings& feed : settings_.feeds) {
    FeedAttempts& attempts = attempts_[feed.name];
    attempts.next_fetch = {};
    attempts.looked_at.reset();
    if (is_file_source(feed)) {
      if (auto taken = take_file(feed, change); !taken) {
        note_failure(feed.name, taken.error().message);
      }
    }
  }
  if (change.feeds.empty() && !change.exceptions && !has_other_feeds(*layers_.base)) {
    refresh_views();
    ChangeResult unchanged = refused("");
    unchanged.accepted = true;
    return unchanged;
  }
  return enforce(std::move(change));
}

}  // namespace cenote
