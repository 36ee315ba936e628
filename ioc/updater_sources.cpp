#include <algorithm>
#include <filesystem>

#include <sys/stat.h>

#include <xxhash.h>

#include "ioc/durable_file.h"
#include "ioc/updater_work.h"
#include "resolver/base/guarded.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::string_view kFile = "file:";
constexpr uint64_t kMostHeaderBytes = 8192;
constexpr milliseconds kRetryAfter{60'000};  // after a failed download; twice as long after each further one
constexpr unsigned kMostDoublings = 6;

std::string path_of(const FeedSettings& feed, const std::string& base) {
  return (std::filesystem::path(base) / feed.source.substr(kFile.size())).string();
}

// Changes whenever the file does; empty when there is none.
std::string version_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return {};
  }
  return fmt::format("file {}.{:09} {} {}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size,
                     status.st_ino);
}

}  // namespace

bool is_file_source(const FeedSettings& feed) {
  return feed.source.starts_with(kFile);
}
bool is_url_source(const FeedSettings& feed) {
  return feed.source.starts_with("https://") || feed.source.starts_with("http://");
}

std::string fingerprint_of(const FeedSettings& feed, const std::vector<std::string>& protect) {
  std::string all =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n", feed.format, feed.category, static_cast<int>(feed.action),
                  feed.confidence, feed.min_confidence, feed.threat);
  for (const auto& [key, value] : feed.options) {
    all += key + '=' + value + '\n';
  }
  for (const std::string& name : protect) {
    all += name + '\n';
  }
  for (const auto& action : {feed.guards.shared_host, feed.guards.private_suffix, feed.guards.wide_block}) {
    if (action) {
      all += static_cast<char>('0' + static_cast<int>(*action));
    }
    all += '/';
  }
  return fmt::format("{:016x}", XXH3_64bits(all.data(), all.size()));
}

std::string Updater::Work::settings_id(const FeedSettings& feed) const {
  return fmt::format("{} {}{}", fingerprint_of(feed, settings_.protect), guards_.fingerprint(),
                     feed.monitor_for.count() > 0 ? " trial" : "");
}

std::string fingerprint_of(const std::vector<ExceptionSettings>& exceptions) {
  std::string all;
  for (const ExceptionSettings& exception : exceptions) {
    all += fmt::format("{}\n{}\n{}\n{}\n{}\n", exception.name, exception.exact, exception.reason,
                       exception.until ? exception.until->time_since_epoch().count() : -1, exception.client);
  }
  return fmt::format("{:016x}", XXH3_64bits(all.data(), all.size()));
}

void Updater::Work::note_failure(const std::string& feed, const std::string& error) {
  FeedAttempts& attempts = attempts_[feed];
  attempts.last_attempt = wall_now();
  if (attempts.last_error != error) {
    log::error("feed {}: {}", feed, printable(error));  // once, not at every look
  }
  attempts.last_error = error;
}

void Updater::Work::note_success(const std::string& feed) {
  FeedAttempts& attempts = attempts_[feed];
  attempts.last_attempt = attempts.last_success = wall_now();
  attempts.last_error.clear();
}

ChangeResult Updater::Work::settle(const std::string& feed, ChangeResult result) {
  if (result.accepted) {
    note_success(feed);
    log::info("feed {}: generation {}: {} added, {} removed, {} unchanged, {} rejected, {} held", feed,
              result.generation, result.added, result.removed, result.unchanged, result.rejected,
              result.held);
  } else {
    note_failure(feed, result.error);
  }
  const std::lock_guard lock(views_mutex_);
  show_feeds();
  return result;
}

// Puts the file's content into the change when it is another than what is in force.
Result<bool> Updater::Work::take_file(const FeedSettings& feed, Change& change) {
  const std::string path = path_of(feed, settings_.base_dir);
  const std::string version = version_of(path);
  attempts_[feed.name].looked_at = version;
  const auto found = change.next.feeds.find(feed.name);
  const StoredFeed before = found == change.next.feeds.end() ? StoredFeed{} : found->second;
  const bool is_whole = before.lost.empty();  // else the file is taken again: it is the way back
  if (!version.empty() && before.version == version && !before.content.empty() && is_whole) {
    return false;
  }
  auto list = IncomingList::copy_of(path, incoming_);
  if (!list) {
    return list.error();
  }
  if ((*list)->id() == before.content && !before.has_patch() && before.format.empty() && is_whole) {
    note_success(feed.name);
    return false;
  }
  StoredFeed& stored = change.next.feeds[feed.name];
  stored.version = version;
  stored.format.clear();
  stored.drop_patch();
  stored.who = feed.source;
  change.feeds.insert(feed.name);
  change.lists[feed.name] = std::move(*list);
  return true;
}

void Updater::Work::look_at_files() {
  const std::vector<FeedSettings> feeds = settings_.feeds;
  for (const FeedSettings& feed : feeds) {
    if (!is_file_source(feed) ||
        version_of(path_of(feed, settings_.base_dir)) == attempts_[feed.name].looked_at) {
      continue;
    }
    Change change = begin("file " + feed.name, feed.source);
    change.subject = feed.name;
    auto taken = take_file(feed, change);
    if (!taken) {
      note_failure(feed.name, taken.error().message);
      refresh_views();
    } else if (*taken) {
      settle(feed.name, enforce(std::move(change)));
    } else {
      refresh_views();
    }
  }
}

void Updater::Work::start_due_fetches() {
  for (const FeedSettings& feed : settings_.feeds) {
    if (is_url_source(feed) && attempts_[feed.name].next_fetch <= mono_now()) {
      start_fetch(feed);
    }
  }
}

// A tenth more or less, so that many servers do not ask one source at the same moment for ever.
milliseconds Updater::Work::jittered(milliseconds pause) {
  const auto tenth = static_cast<uint64_t>(pause.count() / 10);
  return pause - milliseconds(tenth) + milliseconds(random_.u64() % (2 * tenth + 1));
}

void Updater::Work::start_fetch(const FeedSettings& feed) {
  FeedAttempts& attempts = attempts_[feed.name];
  attempts.next_fetch = mono_now() + jittered(feed.refresh);
  if (attempts.is_fetching) {
    return;
  }
  FetchRequest request;
  request.url = feed.source;
  request.proxy = feed.proxy;
  request.ca_file = feed.ca_file;
  request.resolve = settings_.resolve;
  if (!feed.auth_file.empty()) {
    auto header = read_whole_file(feed.auth_file, kMostHeaderBytes);
    if (!header) {
      note_failure(feed.name, header.error().message);
      return;
    }
    request.header = trim(std::string_view(*header).substr(0, header->find_first_of("\r\n")));
  }
  const auto stored = store_->current().feeds.find(feed.name);
  if (stored != store_->current().feeds.end() && !stored->second.content.empty() &&
      stored->second.lost.empty()) {
    request.version = stored->second.version;
  }
  attempts.is_fetching = fetches_.post([this, request, name = feed.name, is_taxii = feed.format == "taxii"] {
    auto download =
        std::make_shared<Result<Download>>(guarded([&] { return fetch_list(request, is_taxii); }));
    jobs_->post([this, name, url = request.url, download] { finish_fetch(name, url, std::move(*download)); });
  });
}

// On the fetcher's thread.
Result<Updater::Work::Download> Updater::Work::fetch_list(FetchRequest request, bool is_taxii) const {
  auto list = new_list();
  if (!list) {
    return list.error();
  }
  request.list = is_taxii ? nullptr : list->get();
  auto fetched = is_taxii ? fetch_taxii(request, stopping_) : fetch(request, stopping_);
  if (!fetched) {
    return fetched.error();
  }
  if (Result<void> kept = (*list)->append(as_bytes(fetched->body)); !kept) {
    return kept.error();
  }
  return Download{fetched->is_unchanged, fetched->version, *list};
}

void Updater::Work::finish_fetch(const std::string& name, const std::string& source,
                                 Result<Download> fetched) {
  FeedAttempts& attempts = attempts_[name];
  attempts.is_fetching = false;
  const FeedSettings* feed = feed_named(name);
  if (stopping_ || feed == nullptr || feed->source != source) {
    return;  // the configuration changed meanwhile
  }
  if (!fetched) {
    const milliseconds pause = kRetryAfter * (1 << std::min(attempts.failures++, kMostDoublings));
    attempts.next_fetch = mono_now() + jittered(std::min(feed->refresh, pause));
    note_failure(name, fetched.error().message);
    refresh_views();
    return;
  }
  attempts.failures = 0;
  Change change = begin("fetch " + name, source);
  StoredFeed& stored = change.next.feeds[name];
  if (fetched->is_unchanged || (fetched->list->id() == stored.content && stored.lost.empty())) {
    note_success(name);
    refresh_views();
    return;
  }
  stored.version = fetched->version;
  stored.format.clear();
  stored.drop_patch();
  stored.who = source;
  change.subject = name;
  change.feeds = {name};
  change.lists[name] = std::move(fetched->list);
  settle(name, enforce(std::move(change)));
}

// What must be compiled again because the configuration says something else than when it was.
void Updater::Work::mark_changed_settings(Change& change) const {
  for (const FeedSettings& feed : settings_.feeds) {
    const auto stored = change.next.feeds.find(feed.name);
    const bool has_any = stored != change.next.feeds.end() && !stored->second.settings.empty();
    // A feed that was out of the configuration for a while comes back with its last list.
    if (has_any && (!feed_id(feed.name) || stored->second.settings != settings_id(feed))) {
      change.feeds.insert(feed.name);
    }
  }
  change.exceptions = !snapshot_ || change.next.exceptions_settings != fingerprint_of(settings_.exceptions);
}

// Whether it was compiled for another set of feeds than is configured.
bool Updater::Work::has_other_feeds(const CompiledSnapshot& snapshot) const {
  const auto& feeds = snapshot.feeds();
  const auto is_there = [&](const FeedSettings& feed) {
    return std::any_of(feeds.begin(), feeds.end(),
                       [&](const SnapshotFeed& each) { return each.name == feed.name; });
  };
  return feeds.size() != settings_.feeds.size() + 1 ||
         !std::all_of(settings_.feeds.begin(), settings_.feeds.end(), is_there);
}

}  // namespace cenote
