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
#include "ioc/store_files.h"
#include "ioc/store_json.h"
#include "resolver/base/log.h"

namespace cenote {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostOldSnapshotBytes = uint64_t{512} << 20;

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
  if (Result<void> loaded = store->load(); !loaded) {
    return loaded.error();
  }
  return store;
}

Store::Store(std::string folder) : folder_(std::move(folder)), generations_(1) {}

Store::~Store() = default;

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
  loose_bytes_ += bytes.size();
  // A file of that name may be damaged: only one that reads back right is the same.
  if (auto there = content(id); there && *there == bytes) {
    const Result<void> forced = sync_folder_of(path);  // it may be there of an attempt that could not
    return forced ? Result<std::string>(id) : forced.error();
  }
  if (Result<void> written = replace_file(path, as_bytes(bytes), Durability::kDurable); !written) {
    return written.error();
  }
  return id;
}

Result<std::string> Store::put_content(IncomingList& list) {
  const std::string path = content_path(list.id());
  const Result<void> kept =
      has_content(list.id()) ? sync_folder_of(path) : list.keep_as(path, Durability::kDurable);
  return kept ? Result<std::string>(list.id()) : kept.error();
}

bool Store::has_content(const std::string& id) const {
  ContentHash there;
  const Result<void> read = read_pieces(content_path(id), kMostIncomingBytes, [&](Bytes piece) {
    there.add(piece);
    return Result<void>{};
  });
  return read && there.id() == id;
}

Result<std::string> Store::content(const std::string& id) const {
  auto bytes = read_whole_file(content_path(id), kMostIncomingBytes);
  if (bytes && content_id(*bytes) != id) {
    return fail("{}/contents/{}: damaged", folder_, id);
  }
  return bytes;
}

void Store::set_aside_content(const std::string& id) {
  const auto aside = cenote::set_aside(content_path(id), kDamaged);
  if (aside) {
    log::error("contents/{}: cannot be read: left in {}", id, *aside);
  }
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
  return fmt::format("{}/{}{}", folder_, store_files::kJournal, generation);
}

std::string Store::snapshot_path(uint64_t generation) const {
  return fmt::format("{}/{}{}", folder_, store_files::kSnapshot, generation);
}

Result<void> Store::put_snapshot(uint64_t generation, TemporaryFile& image) {
  // Not forced to the disk: its checksum tells when it did not arrive, and contents are there to make it
  // again.
  return image.keep_as(snapshot_path(generation), Durability::kAtomic);
}

std::vector<GenerationRecord> Store::records(size_t most_changes) const {
  std::vector<GenerationRecord> all;
  const auto add = [&](const auto& each) {
    all.push_back({each.number, each.made, each.what, each.who, each.names, each.addresses, false, true});
  };
  for (const StoredGeneration& generation : generations_) {
    add(generation);
  }
  const size_t skipped = changes_.size() - std::min(changes_.size(), most_changes);
  std::for_each(changes_.begin() + static_cast<ptrdiff_t>(skipped), changes_.end(), add);
  return all;
}

std::vector<GenerationRecord> Store::all_records() const {
  return records(changes_.size());
}

std::vector<GenerationRecord> Store::history() const {
  std::vector<GenerationRecord> all = records(kKeptGenerations);
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
  const auto end = std::find_if(changes_.begin(), changes_.end(),
                                [&](const SmallChange& change) { return change.number > number; });
  StoredGeneration generation = generations_.back();
  for (auto change = changes_.begin(); change != end; ++change) {
    apply(*change, generation);
    if (end - change <= static_cast<ptrdiff_t>(kKeptGenerations)) {
      kept.push_back(generation);
    }
  }
  kept.erase(kept.begin(), kept.end() - static_cast<ptrdiff_t>(std::min(kept.size(), kKeptGenerations)));
  return kept;
}

// What was added to a feed by and by is one text, of which each generation has the beginning: one content is
// enough for all of them. Where that cannot be read, what came since stays in the manifest: one feed's damage
// must not keep the changes of all others from the disk.
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
        if (!text) {
          log::error("feed {}: what was added and removed by and by cannot be read: {}", name,
                     text.error().message);
          continue;
        }
        auto id = put_content(*text);
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
  loose_bytes_ += change.patch.size();
  apply(change, current_);
  changes_.push_back(std::move(change));
  return {};
}

// Whatever the new manifest names is on the disk before it: contents, and the journal that continues it, an
// empty one, too.
Result<void> Store::replace_manifest(std::vector<StoredGeneration> generations,
                                     std::vector<SmallChange> later) {
  if (Result<void> written = write_patches(generations); !written) {
    return written;
  }
  const uint64_t base = generations.back().number;
  const std::string journal = journal_of(write_small_changes(later));
  if (Result<void> put = replace_file(journal_path(base), as_bytes(journal), Durability::kDurable); !put) {
    return put;
  }
  const std::string text = write_manifest(generations);
  if (text.size() > kMostManifestBytes) {
    return fail("{}: single indicators and exceptions take {} bytes, more than a start reads", folder_,
                text.size());
  }
  const std::string path = store_files::manifest(folder_);
  if (manifest_is_good_) {  // there is none yet at the first commit, and a lost one is no way back
    const std::string previous = store_files::previous_manifest(folder_);
    ::unlink(previous.c_str());
    static_cast<void>(::link(path.c_str(), previous.c_str()));
  }
  if (Result<void> put = replace_file(path, as_bytes(text), Durability::kCommit); !put) {
    return put;
  }
  previous_base_ = base_number();  // of the manifest that was, which is the one before now
  manifest_is_good_ = true;
  generations_ = std::move(generations);
  changes_ = std::move(later);
  current_ = generations_.back();
  for (const SmallChange& change : changes_) {
    apply(change, current_);
  }
  journal_.reset();
  journal_bytes_ = journal.size();
  loose_bytes_ = 0;
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

std::set<std::string> Store::used_contents() const {
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
  return used;
}

// Contents that no kept generation names, snapshots beyond those, journals that continue neither manifest.
// What cannot be removed now is tried again the next time.
void Store::drop_unused() {
  const std::set<std::string> used = used_contents();
  std::error_code error;
  std::vector<fs::path> unused;
  for (const auto& entry : fs::directory_iterator(folder_ + "/contents", error)) {
    const std::string name = entry.path().filename().string();
    if (!used.contains(name) && !is_set_aside(name)) {
      unused.push_back(entry.path());
    }
  }
  std::set<std::string> kept = kept_snapshots();
  kept.insert({journal_path(base_number()), journal_path(previous_base_)});
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    const bool is_ours = name.starts_with(store_files::kSnapshot) || name.starts_with(store_files::kJournal);
    if (is_ours && name.find('.') == std::string::npos && !kept.contains(entry.path().string())) {
      unused.push_back(entry.path());
    }
  }
  for (const fs::path& path : unused) {
    fs::remove(path, error);
  }
}

}  // namespace cenote
