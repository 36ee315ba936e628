#include "ioc/store.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "ioc/durable_file.h"
#include "ioc/incoming_list.h"
#include "ioc/journal.h"
#include "ioc/small_change.h"
#include "ioc/store_json.h"
#include "resolver/base/log.h"

namespace cenote {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostManifestBytes = uint64_t{256} << 20;

constexpr uint64_t kMostOldSnapshotBytes = uint64_t{512} << 20;

constexpr std::string_view kSnapshot = "snapshot-";
constexpr std::string_view kJournal = "journal-";

std::string manifest_path(const std::string& folder) {
  return folder + "/manifest.json";
}
std::string previous_path(const std::string& folder) {
  return folder + "/manifest.previous.json";
}

Result<std::vector<StoredGeneration>> read_manifest_file(const std::string& path) {
  auto text = read_whole_file(path, kMostManifestBytes);
  if (!text) {
    return text.error();
  }
  auto generations = read_manifest(*text);
  return generations ? std::move(generations)
                     : Result<std::vector<StoredGeneration>>(generations.error().within(path));
}

std::vector<std::string> written(const std::vector<SmallChange>& changes) {
  std::vector<std::string> records;
  for (const SmallChange& change : changes) {
    records.push_back(write_small_change(change));
  }
  return records;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& folder, StateLock lock) {
  if (!lock.is_held()) {
    auto taken = StateLock::take(folder);
    if (!taken) {
      return taken.error();
    }
    lock = std::move(*taken);
  }
  std::error_code error;
  for (const std::string& each : {folder + "/contents", incoming_folder(folder)}) {
    fs::create_directories(each, error);
    if (error) {
      return fail("{}: {}", each, error.message());
    }
  }
  std::unique_ptr<Store> store(new Store(folder));
  store->lock_ = std::move(lock);
  for (const auto& entry : fs::directory_iterator(incoming_folder(folder), error)) {
    fs::remove(entry.path(), error);  // of a process that died
  }
  store->load();
  return store;
}

Store::Store(std::string folder) : folder_(std::move(folder)), generations_(1) {}

Store::~Store() = default;

void Store::load() {
  auto newest = read_manifest_file(manifest_path(folder_));
  auto before = read_manifest_file(previous_path(folder_));
  manifest_is_good_ = newest || !fs::exists(manifest_path(folder_));
  if (!manifest_is_good_) {
    log::error("{}; the generation before is used", newest.error().message);
  }
  if (newest || before) {
    generations_ = std::move(newest ? *newest : *before);
  }
  current_ = generations_.back();
  previous_base_ = newest && before ? before->back().number : 0;
  set_aside_other_journals();
  load_journal();
}

// Every record continues the one before: what does not is of no use, and nothing behind it either.
void Store::load_journal() {
  const std::string path = journal_path(base_number());
  auto content = read_journal(path);
  if (!content) {
    log::error("{}", content.error().message);
    return;
  }
  for (const std::string& record : content->records) {
    auto change = read_small_change(record);
    if (!change || change->number != current_.number + 1) {
      log::error("{}: the change after generation {} cannot be read: it and what follows is lost", path,
                 current_.number);
      content->is_damaged = true;
      content->good_bytes = journal_of(written(changes_)).size();
      break;
    }
    apply(*change, current_);
    changes_.push_back(std::move(*change));
  }
  journal_bytes_ = content->good_bytes;
  if (content->is_damaged) {
    const std::string aside = path + ".damaged";
    std::error_code error;
    fs::copy_file(path, aside, fs::copy_options::overwrite_existing, error);
    log::error("{}: damaged; generation {} is the last that can be read, a copy is left in {}", path,
               current_.number, aside);
  } else if (content->other_bytes != 0) {
    log::warn("{}: {} bytes of a change that was never acknowledged are dropped", path, content->other_bytes);
  }
}

// A journal of a fold that did not come to its end, or of a manifest that cannot be read any more: its
// changes must never be taken for those of a generation that gets the same number.
void Store::set_aside_other_journals() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kJournal) || name.find('.') != std::string::npos ||
        entry.path() == journal_path(base_number()) || entry.path() == journal_path(previous_base_)) {
      continue;
    }
    if (manifest_is_good_) {
      fs::remove(entry.path(), error);
    } else {
      const std::string aside = entry.path().string() + ".lost";
      fs::rename(entry.path(), aside, error);
      log::error("{}: continues a generation that cannot be read: left in {}", name, aside);
    }
  }
}

std::string Store::content_id(std::string_view bytes) {
  ContentHash hash;
  hash.add(as_bytes(bytes));
  return hash.id();
}

std::string Store::content_path(const std::string& id) const {
  return folder_ + "/contents/" + id;
}

Result<std::string> Store::put_content(std::string_view bytes) {
  const std::string id = content_id(bytes);
  const std::string path = content_path(id);
  // A file of that name may be damaged: only one that reads back right is the same.
  if (auto there = content(id); there && *there == bytes) {
    return id;
  }
  if (Result<void> written = replace_file(path, as_bytes(bytes), Durability::kDurable); !written) {
    return written.error();
  }
  return id;
}

Result<std::string> Store::put_content(IncomingList& list) {
  ContentHash there;
  const Result<void> read = read_pieces(content_path(list.id()), kMostIncomingBytes, [&](Bytes piece) {
    there.add(piece);
    return Result<void>{};
  });
  if (!read || there.id() != list.id()) {
    if (Result<void> kept = list.keep_as(content_path(list.id())); !kept) {
      return kept.error();
    }
  }
  return list.id();
}

Result<std::string> Store::content(const std::string& id) const {
  auto bytes = read_whole_file(content_path(id), kMostIncomingBytes);
  if (bytes && content_id(*bytes) != id) {
    return fail("{}/contents/{}: damaged", folder_, id);
  }
  return bytes;
}

Result<std::string> Store::patch_of(const StoredFeed& feed) const {
  if (feed.patch.empty()) {
    return feed.patch_tail;
  }
  auto text = content(feed.patch);
  if (text) {
    text->resize(std::min<uint64_t>(text->size(), feed.patch_bytes));
    *text += feed.patch_tail;
  }
  return text;
}

std::string Store::journal_path(uint64_t generation) const {
  return fmt::format("{}/{}{}", folder_, kJournal, generation);
}

std::string Store::snapshot_path(uint64_t generation) const {
  return fmt::format("{}/{}{}", folder_, kSnapshot, generation);
}

Result<void> Store::put_snapshot(uint64_t generation, TemporaryFile& image) {
  // Not forced to the disk: its checksum tells when it did not arrive, and contents are there to make it
  // again.
  return image.keep_as(snapshot_path(generation), Durability::kAtomic);
}

std::vector<GenerationRecord> Store::history() const {
  std::vector<GenerationRecord> all;
  const auto add = [&](const auto& each) {
    all.push_back({each.number, each.made, each.what, each.who, each.names, each.addresses, false, true});
  };
  for (const StoredGeneration& generation : generations_) {
    add(generation);
  }
  const size_t skipped = changes_.size() - std::min(changes_.size(), kKeptGenerations);
  std::for_each(changes_.begin() + static_cast<ptrdiff_t>(skipped), changes_.end(), add);
  all.erase(all.begin(), all.end() - static_cast<ptrdiff_t>(std::min(all.size(), kKeptGenerations)));
  all.back().current = true;
  all.back().can_roll_back = false;
  return all;
}

std::optional<StoredGeneration> Store::generation(uint64_t number) const {
  const std::vector<StoredGeneration> kept = generations_until(current_.number);
  const auto found = std::find_if(kept.begin(), kept.end(),
                                  [&](const StoredGeneration& each) { return each.number == number; });
  return found == kept.end() ? std::nullopt : std::optional(*found);
}

// The last kKeptGenerations up to this one, each as a manifest needs it but for the tails of its patches.
std::vector<StoredGeneration> Store::generations_until(uint64_t number) const {
  std::vector<StoredGeneration> kept;
  if (generations_.back().number != 0) {  // there is nothing before the first one
    kept = generations_;
  }
  StoredGeneration generation = generations_.back();
  for (const SmallChange& change : changes_) {
    if (change.number > number) {
      break;
    }
    apply(change, generation);
    if (change.number + kKeptGenerations > number) {
      kept.push_back(generation);
    }
  }
  kept.erase(kept.begin(), kept.end() - static_cast<ptrdiff_t>(std::min(kept.size(), kKeptGenerations)));
  return kept;
}

// What was added to a feed by and by is one text, of which each generation has the beginning: one content is
// enough for all of them.
Result<void> Store::write_patches(std::vector<StoredGeneration>& generations) {
  struct Written {
    StoredFeed before;
    StoredFeed after;
  };
  std::map<std::string, Written> written;
  for (auto generation = generations.rbegin(); generation != generations.rend(); ++generation) {
    for (auto& [name, feed] : generation->feeds) {
      if (feed.patch_tail.empty()) {
        continue;
      }
      const auto longer = written.find(name);
      const bool goes_on = longer != written.end() && longer->second.before.patch == feed.patch &&
                           longer->second.before.patch_bytes == feed.patch_bytes &&
                           longer->second.before.patch_tail.starts_with(feed.patch_tail);
      if (!goes_on) {
        auto text = patch_of(feed);
        auto id = text ? put_content(*text) : text;
        if (!id) {
          return id.error();
        }
        written[name] = {feed, feed};
        written[name].after.patch = *id;
        written[name].after.patch_bytes = text->size();
      }
      const Written& whole = written[name];
      feed.patch = whole.after.patch;
      feed.patch_bytes = whole.after.patch_bytes - (whole.before.patch_tail.size() - feed.patch_tail.size());
      feed.patch_tail.clear();
    }
  }
  return {};
}

Result<void> Store::commit(StoredGeneration next) {
  return commit(std::move(next), {});
}

Result<void> Store::commit(StoredGeneration next, std::vector<SmallChange> later) {
  std::vector<StoredGeneration> generations = generations_until(current_.number);
  generations.push_back(std::move(next));
  if (generations.size() > kKeptGenerations) {
    generations.erase(generations.begin());
  }
  return replace_manifest(std::move(generations), std::move(later));
}

Result<void> Store::fold(uint64_t generation, uint64_t snapshot) {
  std::vector<SmallChange> later;
  std::copy_if(changes_.begin(), changes_.end(), std::back_inserter(later),
               [&](const SmallChange& change) { return change.number > generation; });
  std::vector<StoredGeneration> generations = generations_until(generation);
  generations.back().snapshot = snapshot;
  return replace_manifest(std::move(generations), std::move(later));
}

Result<void> Store::append(SmallChange change) {
  if (journal_ == nullptr) {
    auto journal = Journal::open(journal_path(base_number()), journal_bytes_);
    if (!journal) {
      return journal.error();
    }
    journal_ = std::move(*journal);
  }
  if (Result<void> appended = journal_->append(write_small_change(change)); !appended) {
    return appended;
  }
  apply(change, current_);
  changes_.push_back(std::move(change));
  return {};
}

// Whatever the new manifest names is on the disk before it: contents, and the journal that continues it.
Result<void> Store::replace_manifest(std::vector<StoredGeneration> generations,
                                     std::vector<SmallChange> later) {
  if (Result<void> written = write_patches(generations); !written) {
    return written;
  }
  const uint64_t base = generations.back().number;
  const std::string journal = journal_of(written(later));
  if (!later.empty()) {
    if (Result<void> put = replace_file(journal_path(base), as_bytes(journal), Durability::kDurable); !put) {
      return put;
    }
  } else {
    ::unlink(journal_path(base).c_str());
  }
  const std::string path = manifest_path(folder_);
  if (manifest_is_good_) {  // there is none yet at the first commit
    const std::string previous = previous_path(folder_);
    ::unlink(previous.c_str());
    static_cast<void>(::link(path.c_str(), previous.c_str()));
  }
  const std::string text = write_manifest(generations);
  if (Result<void> put = replace_file(path, as_bytes(text), Durability::kDurable); !put) {
    return put;
  }
  previous_base_ = manifest_is_good_ ? base_number() : previous_base_;
  manifest_is_good_ = true;
  generations_ = std::move(generations);
  changes_ = std::move(later);
  current_ = generations_.back();
  for (const SmallChange& change : changes_) {
    apply(change, current_);
  }
  journal_.reset();
  journal_bytes_ = changes_.empty() ? 0 : journal.size();
  drop_unused();
  return {};
}

// The base's, and those that make a rollback a matter of moments, as far as they fit.
std::set<std::string> Store::kept_snapshots() const {
  uint64_t room = kMostOldSnapshotBytes;
  std::set<std::string> kept = {snapshot_path(base_number())};
  std::for_each(generations_.rbegin(), generations_.rend(), [&](const StoredGeneration& generation) {
    std::error_code error;
    const std::string path = snapshot_path(generation.number);
    const uint64_t size = generation.snapshot == 0 ? 0 : fs::file_size(path, error);
    if (!error && size != 0 && size <= room && kept.insert(path).second) {
      room -= size;
    }
  });
  return kept;
}

// Contents that no kept generation names, snapshots beyond those, journals that continue neither manifest.
// What cannot be removed now is tried again the next time.
void Store::drop_unused() {
  std::set<std::string> used;
  const auto use = [&](const StoredGeneration& generation) {
    for (const auto& [name, feed] : generation.feeds) {
      used.insert({feed.content, feed.patch, feed.decisions, feed.rejects});
    }
  };
  std::for_each(generations_.begin(), generations_.end(), use);
  for (const SmallChange& change : changes_) {
    used.insert(change.rejects);
  }
  std::error_code error;
  std::vector<fs::path> unused;
  for (const auto& entry : fs::directory_iterator(folder_ + "/contents", error)) {
    if (!used.contains(entry.path().filename().string())) {
      unused.push_back(entry.path());
    }
  }
  std::set<std::string> kept = kept_snapshots();
  kept.insert({journal_path(base_number()), journal_path(previous_base_)});
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    const bool is_ours = name.starts_with(kSnapshot) || name.starts_with(kJournal);
    if (is_ours && name.find('.') == std::string::npos && !kept.contains(entry.path().string())) {
      unused.push_back(entry.path());
    }
  }
  for (const fs::path& path : unused) {
    fs::remove(path, error);
  }
}

}  // namespace cenote
