// One feed's entries as parsed, sorted and without repeats: what the snapshot builder merges. Names are
// sorted a few ten thousand at a time and then merged, so that a list of any length takes a few megabytes;
// what they are listed for is held, each distinct reason once.
//
// Threads: one. Lives only while a snapshot is built.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "ioc/feed.h"
#include "ioc/indicator.h"
#include "ioc/scratch.h"
#include "ioc/snapshot.h"
#include "ioc/sorted_names.h"
#include "ioc/text_pool.h"
#include "resolver/base/bytes.h"

namespace cenote {

// Why an entry is listed, with the feed's defaults filled in. Texts are numbers into the run's pool.
struct RunRecord {
  int64_t first_seen = 0;
  int64_t valid_from = 0;
  int64_t valid_until = 0;
  uint32_t category = 0;
  uint32_t threat = 0;
  uint32_t reference = 0;
  uint32_t note = 0;
  uint32_t source_ref = 0;
  Action action = Action::kPass;
  uint8_t confidence = 0;
  Scope scope = Scope::kExact;
  Origin origin = Origin::kList;
  bool operator==(const RunRecord&) const = default;
};

// The texts borrow from the pool; feed and category stay 0.
Record said_of(const RunRecord& record, const TextPool& texts) noexcept;

// Of two records for the same entry the one that is worth more stays: it lasts longer, else it is the surer
// one, and else any, but always the same one, in whatever order they came.
inline auto worth_of(const Record& record, std::string_view category) noexcept {
  const int64_t end = record.valid_until == 0 ? std::numeric_limits<int64_t>::max() : record.valid_until;
  return std::tuple(end, record.confidence, record.first_seen, record.valid_from, record.action, category,
                    record.threat, record.reference, record.note, record.source_ref);
}

class FeedRun {
 public:
  struct Block {
    Prefix prefix;
    uint32_t record;
  };

  FeedRun() = default;  // for a list that fits into memory
  // What takes much room goes to files in this folder.
  explicit FeedRun(const std::string& folder) : chunks_(folder), sorted_(folder) {}

  // The feed's settings fill in what the indicator leaves open.
  void add(const Indicator& indicator, const FeedSettings& feed);
  // Sorts, and keeps of several entries with the same name, scope, side (block or allow) and origin the one
  // that lasts longest.
  void finish();

  // After finish():
  // Each name with the numbers of its records; several may read at a time.
  [[nodiscard]] SortedNamesReader names() const { return SortedNamesReader(sorted_); }
  [[nodiscard]] const std::vector<Block>& blocks() const noexcept { return blocks_; }
  [[nodiscard]] const std::vector<RunRecord>& records() const noexcept { return records_; }
  [[nodiscard]] const TextPool& texts() const noexcept { return texts_; }
  [[nodiscard]] Record said_by(const RunRecord& record) const noexcept { return said_of(record, texts_); }
  [[nodiscard]] uint64_t entries() const noexcept { return name_entries_ + blocks_.size(); }
  // False once the disk failed us: what names() gave is not all.
  [[nodiscard]] bool is_whole() const noexcept { return chunks_.is_good() && sorted_.is_good(); }

 private:
  struct Entry {
    uint32_t key_at;
    uint32_t record;
    uint16_t key_size;
  };
  struct Head;        // of a chunk that is merged
  struct Item {       // an entry while it is sorted
    uint64_t window;  // 8 bytes of its key
    uint32_t entry;
  };
  uint32_t intern(const RunRecord& record);
  RunRecord record_for(const Indicator& indicator, const FeedSettings& feed);
  [[nodiscard]] Bytes key_of(const Entry& entry) const noexcept {
    return Bytes(keys_).subspan(entry.key_at, entry.key_size);
  }
  void sort_items(std::span<Item> items, size_t depth) const;
  void close_chunk();
  void merge_chunks();
  [[nodiscard]] bool replaces(uint32_t later, uint32_t earlier) const noexcept;
  void drop_repeats(std::vector<uint32_t>& records) const;
  void drop_repeated_blocks();

  std::vector<uint8_t> keys_;  // of the chunk that is being filled
  std::vector<Entry> entries_;
  Scratch chunks_;                    // each sorted
  std::vector<uint64_t> chunk_ends_;  // in chunks_
  Scratch sorted_;
  uint64_t name_entries_ = 0;
  std::vector<Block> blocks_;
  std::vector<RunRecord> records_;
  std::vector<uint32_t> record_slots_;  // open addressing, 1 + record; 0: free
  TextPool texts_;
};

}  // namespace cenote
