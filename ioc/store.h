// What lasts of the feeds: contents as they were accepted, one manifest that says which of them are in force
// now and were in the last generations, and the compiled snapshot. Replacing the manifest is the one commit
// point: whatever instant the process dies, the old one or the new one is there, and all that it names.
//
//   STATE_DIR/manifest.json     the generations, newest last; manifest.previous.json: the one before
//   STATE_DIR/contents/ID       bytes of a feed, named by their hash; shared between generations
//   STATE_DIR/snapshot-N        the compiled snapshot of generation N; can always be made again
//   STATE_DIR/lock              held while a process uses the folder
//
// Threads: one, the updater's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ioc/feed_status.h"
#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

constexpr size_t kKeptGenerations = 12;  // the promise is ten; two are slack for mistakes noticed late

struct StoredFeed {
  std::string content;    // id; empty: none yet
  std::string format;     // as it was pushed; empty: the feed's own
  std::string patch;      // id of what was added and removed since the content came; empty: nothing
  std::string decisions;  // id of what people said about held entries; empty: nothing
  std::string rejects;    // id of the first rejected and held lines
  std::string settings;   // fingerprint of the settings that it was compiled with
  std::string version;    // of the source: a file's time and size, a URL's ETag
  std::string who;
  WallTime changed{};
  uint64_t generation = 0;  // in which it last changed
  uint64_t rejected = 0;
  uint64_t held = 0;
  WallTime trial_since{};  // when its first content came
  bool is_promoted = false;
  bool operator==(const StoredFeed&) const = default;
};

struct StoredGeneration {
  uint64_t number = 0;
  WallTime made{};
  std::string what;
  std::string who;
  uint64_t names = 0;
  uint64_t addresses = 0;
  std::string exceptions_settings;  // fingerprint, as of a feed
  std::map<std::string, StoredFeed> feeds;
  std::vector<SingleIndicator> singles;
  std::vector<ExceptionRecord> exceptions;
};

class Store {
 public:
  // Makes the folder when it is absent. A damaged manifest is said in the log and the one before is taken.
  static Result<std::unique_ptr<Store>> open(const std::string& folder);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const StoredGeneration& current() const noexcept { return generations_.back(); }
  [[nodiscard]] const std::vector<StoredGeneration>& generations() const noexcept { return generations_; }

  static std::string content_id(std::string_view bytes);
  Result<std::string> put_content(std::string_view bytes);  // durable when it returns; gives the id
  [[nodiscard]] Result<std::string> content(const std::string& id) const;  // verified against its hash
  [[nodiscard]] std::string snapshot_path(uint64_t generation) const;
  Result<void> put_snapshot(uint64_t generation, Bytes image);
  // Durable when it returns. REQUIRES: next.number > current().number.
  Result<void> commit(StoredGeneration next);

 private:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}
  Result<void> lock();
  void load();
  void drop_unused();

  std::string folder_;
  int lock_ = -1;
  std::vector<StoredGeneration> generations_{StoredGeneration{}};
};

}  // namespace cenote
