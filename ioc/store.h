// What lasts of the feeds: contents as they were accepted, one manifest that says which of them are in force
// and were in the last generations, a journal of the small changes since, and the compiled snapshot.
// Replacing the manifest is the one commit point of large changes, the end of an append that of small ones:
// whatever instant the process dies, a state is there with all that it names.
//
//   STATE_DIR/manifest.json     the generations, newest last; manifest.previous.json: the one before
//   STATE_DIR/journal-N         small changes since generation N, the newest of a manifest; there before it,
//   so
//                               that its absence is noticed
//   STATE_DIR/contents/ID       bytes of a feed, named by their hash; shared between generations
//   STATE_DIR/incoming/         lists that have not come whole yet, or are still judged; emptied by open()
//   STATE_DIR/snapshot-N        the compiled snapshot of generation N, which can always be made again: the
//                               base's, and of earlier generations the newest, for a rollback
//   STATE_DIR/lock              held while a process uses the folder
//   *.damaged, *.lost           what a start could not read, or what belongs to a manifest that it could not
//                               read: for a person, who also removes it
//
// Threads: one, the updater's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ioc/feed_status.h"
#include "ioc/size_guard.h"
#include "resolver/base/bytes.h"
#include "resolver/base/result.h"
#include "resolver/base/state_lock.h"

namespace cenote {

constexpr size_t kKeptGenerations = 12;  // the promise is ten; two are slack for mistakes noticed late
constexpr uint64_t kMostManifestBytes = uint64_t{256} << 20;  // more is neither read nor written

struct StoredFeed {
  std::string content;  // id; empty: none yet
  std::string format;   // as it was pushed; empty: the feed's own
  std::string patch;    // id of what was added and removed since the content came; empty: nothing
  uint64_t patch_bytes = UINT64_MAX;  // how much of it counts: later generations only go on from there
  std::string patch_tail;             // goes on behind it; in a manifest only where the patch cannot be read
  std::string decisions;              // id of what people said about held entries; empty: nothing
  std::string rejects;                // id of the first rejected and held lines
  std::string settings;               // fingerprint of the settings that it was compiled with
  std::string version;                // of the source: a file's time and size, a URL's ETag
  std::string who;
  WallTime changed{};
  uint64_t generation = 0;  // in which it last changed
  uint64_t rejected = 0;
  uint64_t held = 0;
  WallTime trial_since{};  // when its first content came
  bool is_promoted = false;
  std::vector<ListSize> lists;  // its last ones, newest last: what is usual
  std::string
      lost;  // what was acknowledged and is gone, for people, until a whole list comes; empty: nothing
  bool operator==(const StoredFeed&) const = default;

  [[nodiscard]] bool has_patch() const { return !patch.empty() || !patch_tail.empty(); }
  void drop_patch() {
    patch.clear();
    patch_bytes = UINT64_MAX;
    patch_tail.clear();
  }
};

struct StoredGeneration {
  uint64_t number = 0;
  WallTime made{};
  std::string what;
  std::string who;
  uint64_t names = 0;
  uint64_t addresses = 0;
  std::string exceptions_settings;  // fingerprint, as of a feed
  uint64_t snapshot = 0;            // checksum of what was compiled for it; 0: nothing was
  std::map<std::string, StoredFeed> feeds;
  std::vector<SingleIndicator> singles;
  std::vector<ExceptionRecord> exceptions;
};

class IncomingList;
class TemporaryFile;
class Journal;
struct SmallChange;

class Store {
 public:
  // Makes the folder when it is absent, and takes its lock unless the caller has it. What is missing or
  // damaged is said in the log and in losses(): then the newest state that can be read is taken, and the rest
  // is set aside.
  static Result<std::unique_ptr<Store>> open(const std::string& folder, StateLock lock = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const StoredGeneration& current() const noexcept { return current_; }
  // The newest kKeptGenerations, newest last, without their feeds.
  [[nodiscard]] std::vector<GenerationRecord> history() const;
  // All that the files here tell of, also of more than kKeptGenerations small changes; newest last.
  [[nodiscard]] std::vector<GenerationRecord> all_records() const;
  // With all that it needs; nullopt when it is not kept.
  [[nodiscard]] std::optional<StoredGeneration> generation(uint64_t number) const;
  // The generation whose snapshot is kept, and the changes since.
  [[nodiscard]] uint64_t base_number() const noexcept { return generations_.back().number; }
  [[nodiscard]] uint64_t base_snapshot() const noexcept {
    return generations_.back().snapshot;
  }  // 0: not known
  [[nodiscard]] const std::vector<SmallChange>& changes() const noexcept { return changes_; }
  // What the next change makes: beyond every number that was ever given away, also by what is lost.
  [[nodiscard]] uint64_t next_number() const noexcept { return std::max(current_.number, highest_) + 1; }

  // What open() found missing or damaged, a sentence each.
  [[nodiscard]] const std::vector<std::string>& losses() const noexcept { return losses_; }
  // No manifest could be read although there had been one: nobody knows what is lost.
  [[nodiscard]] bool has_lost_all() const noexcept { return has_lost_all_; }
  // A record elsewhere has this generation: one beyond the current is a loss that the files here do not show.
  void expect(uint64_t generation);
  // What was written since the manifest and is dropped with the next one: lines of patches and of rejects.
  [[nodiscard]] uint64_t loose_bytes() const noexcept { return loose_bytes_; }
  // Files that were set aside, now and earlier, and are still there.
  [[nodiscard]] size_t count_set_aside() const;

  static std::string content_id(std::string_view bytes);
  Result<std::string> put_content(std::string_view bytes);  // durable when it returns; gives the id
  Result<std::string> put_content(IncomingList& list);      // the same
  [[nodiscard]] std::string content_path(const std::string& id) const;
  static std::string incoming_folder(const std::string& folder) { return folder + "/incoming"; }
  [[nodiscard]] Result<std::string> content(const std::string& id) const;    // verified against its hash
  [[nodiscard]] Result<std::string> patch_of(const StoredFeed& feed) const;  // all of it
  [[nodiscard]] bool has_content(const std::string& id) const;               // it can be read, and is right
  // Puts a content that cannot be read out of the way, and says so.
  void set_aside_content(const std::string& id);
  [[nodiscard]] std::string snapshot_path(uint64_t generation) const;
  Result<void> put_snapshot(uint64_t generation, TemporaryFile& image);

  // Each is durable when it returns, and has changed nothing after an error.
  // REQUIRES: next.number >= next_number(), and `later` goes on from there.
  Result<void> commit(StoredGeneration next);
  Result<void> commit(StoredGeneration next, std::vector<SmallChange> later);
  Result<void> append(SmallChange change);  // REQUIRES: change.number == next_number()
  // From now on `generation` is the base: its snapshot, with this checksum, is there. REQUIRES: one of
  // changes() made it.
  Result<void> fold(uint64_t generation, uint64_t snapshot);

 private:
  explicit Store(std::string folder);
  // Of open(): store_load.cpp.
  Result<void> load();
  struct ManifestFile;
  static ManifestFile look_at(const std::string& path);
  void take_manifest(ManifestFile newest, ManifestFile before);
  void load_journal(bool is_expected);
  void remove_other_journals();
  void set_aside_unnamed();
  void lose(std::string what);
  void keep_copy_of_journal();
  [[nodiscard]] bool has_traces() const;
  [[nodiscard]] uint64_t highest_on_disk() const;
  [[nodiscard]] std::set<std::string> used_contents() const;
  [[nodiscard]] std::string journal_path(uint64_t generation) const;
  [[nodiscard]] std::vector<GenerationRecord> records(size_t most_changes) const;
  [[nodiscard]] std::vector<StoredGeneration> generations_until(uint64_t number) const;
  Result<void> write_patches(std::vector<StoredGeneration>& generations);
  Result<void> replace_manifest(std::vector<StoredGeneration> generations, std::vector<SmallChange> later);
  [[nodiscard]] std::set<std::string> kept_snapshots() const;
  void drop_unused();

  std::string folder_;
  StateLock lock_;
  std::vector<StoredGeneration> generations_;  // the manifest's; one empty one before the first
  std::vector<SmallChange> changes_;           // the journal's, since the last of them
  StoredGeneration current_;                   // the last of them with all changes
  std::unique_ptr<Journal> journal_;           // null: not opened for appending yet
  uint64_t journal_bytes_ = 0;                 // good ones that it has then
  uint64_t loose_bytes_ = 0;
  uint64_t previous_base_ = 0;     // of the manifest before
  bool manifest_is_good_ = false;  // the file
  uint64_t highest_ = 0;           // number that anything names
  bool has_lost_all_ = false;
  std::vector<std::string> losses_;
};

}  // namespace cenote
