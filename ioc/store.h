// What lasts of the feeds: contents as they were accepted, one manifest that says which of them are in force
// and were in the last generations, a journal of the small changes since, and the compiled snapshot.
// Replacing the manifest is the one commit point of large changes, the end of an append that of small ones:
// whatever instant the process dies, a state is there with all that it names.
//
//   STATE_DIR/manifest.json     the generations, newest last; manifest.previous.json: the one before
//   STATE_DIR/journal-N         small changes since generation N, the newest of a manifest
//   STATE_DIR/contents/ID       bytes of a feed, named by their hash; shared between generations
//   STATE_DIR/incoming/         lists that have not come whole yet, or are still judged; emptied by open()
//   STATE_DIR/snapshot-N        the compiled snapshot of generation N, which can always be made again: the
//                               base's, and of earlier generations the newest, for a rollback
//   STATE_DIR/lock              held while a process uses the folder
//
// Threads: one, the updater's.
#pragma once

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

struct StoredFeed {
  std::string content;  // id; empty: none yet
  std::string format;   // as it was pushed; empty: the feed's own
  std::string patch;    // id of what was added and removed since the content came; empty: nothing
  uint64_t patch_bytes = UINT64_MAX;  // how much of it counts: later generations only go on from there
  std::string patch_tail;             // goes on behind it; in the journal, never in a manifest
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
  // Makes the folder when it is absent, and takes its lock unless the caller has it. A damaged manifest is
  // said in the log and the one before is taken.
  static Result<std::unique_ptr<Store>> open(const std::string& folder, StateLock lock = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const StoredGeneration& current() const noexcept { return current_; }
  // The newest kKeptGenerations, newest last, without their feeds.
  [[nodiscard]] std::vector<GenerationRecord> history() const;
  // With all that it needs; nullopt when it is not kept.
  [[nodiscard]] std::optional<StoredGeneration> generation(uint64_t number) const;
  // The generation whose snapshot is kept, and the changes since.
  [[nodiscard]] uint64_t base_number() const noexcept { return generations_.back().number; }
  [[nodiscard]] const std::vector<SmallChange>& changes() const noexcept { return changes_; }

  static std::string content_id(std::string_view bytes);
  Result<std::string> put_content(std::string_view bytes);  // durable when it returns; gives the id
  Result<std::string> put_content(IncomingList& list);      // the same
  [[nodiscard]] std::string content_path(const std::string& id) const;
  static std::string incoming_folder(const std::string& folder) { return folder + "/incoming"; }
  [[nodiscard]] Result<std::string> content(const std::string& id) const;    // verified against its hash
  [[nodiscard]] Result<std::string> patch_of(const StoredFeed& feed) const;  // all of it
  [[nodiscard]] std::string snapshot_path(uint64_t generation) const;
  Result<void> put_snapshot(uint64_t generation, TemporaryFile& image);

  // Each is durable when it returns, and has changed nothing after an error.
  // REQUIRES: next.number > current().number, and `later` goes on from there.
  Result<void> commit(StoredGeneration next);
  Result<void> commit(StoredGeneration next, std::vector<SmallChange> later);
  Result<void> append(SmallChange change);  // REQUIRES: change.number == current().number + 1
  // From now on `generation` is the base: its snapshot, with this checksum, is there. REQUIRES: one of
  // changes() made it.
  Result<void> fold(uint64_t generation, uint64_t snapshot);

 private:
  explicit Store(std::string folder);
  void load();
  void load_journal();
  void set_aside_other_journals();
  [[nodiscard]] std::string journal_path(uint64_t generation) const;
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
  uint64_t previous_base_ = 0;                 // of the manifest before
  bool manifest_is_good_ = true;               // the file
};

}  // namespace cenote
