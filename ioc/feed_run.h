// One feed's entries as parsed, sorted and without repeats: what the snapshot builder merges. Keys, records
// and texts lie in a few large arrays, about 30 bytes a plain name.
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
#include "ioc/snapshot.h"
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

  // The feed's settings fill in what the indicator leaves open.
  void add(const Indicator& indicator, const FeedSettings& feed);
  // Sorts, and keeps of several entries with the same name, scope, side (block or allow) and origin the one
  // that lasts longest.
  void finish();

  // After finish():
  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] Bytes key(size_t i) const noexcept {
    return Bytes(keys_).subspan(entries_[i].key_at, entries_[i].key_size);
  }
  [[nodiscard]] uint32_t record_of(size_t i) const noexcept { return entries_[i].record; }
  // Keys lie in memory as they came: whoever walks them in order asks for those to come.
  static constexpr size_t kAhead = 16;
  void prefetch_key(size_t i) const noexcept {
    if (i < entries_.size()) {
      __builtin_prefetch(keys_.data() + entries_[i].key_at);
    }
  }
  [[nodiscard]] const std::vector<Block>& blocks() const noexcept { return blocks_; }
  [[nodiscard]] const std::vector<RunRecord>& records() const noexcept { return records_; }
  [[nodiscard]] const TextPool& texts() const noexcept { return texts_; }
  [[nodiscard]] Record said_by(const RunRecord& record) const noexcept { return said_of(record, texts_); }
  [[nodiscard]] uint64_t entries() const noexcept { return entries_.size() + blocks_.size(); }

 private:
  struct Entry {
    uint64_t key_at;
    uint32_t record;
    uint16_t key_size;
  };
  struct Item {       // an entry while it is sorted
    uint64_t window;  // 8 bytes of its key
    uint64_t entry;
  };
  uint32_t intern(const RunRecord& record);
  RunRecord record_for(const Indicator& indicator, const FeedSettings& feed);
  void sort_items(std::span<Item> items, size_t depth) const;
  [[nodiscard]] bool replaces(uint32_t later, uint32_t earlier) const noexcept;
  void drop_repeated_names();
  void drop_repeated_blocks();

  std::vector<uint8_t> keys_;
  std::vector<Entry> entries_;
  std::vector<Block> blocks_;
  std::vector<RunRecord> records_;
  std::vector<uint32_t> record_slots_;  // open addressing, 1 + record; 0: free
  TextPool texts_;
};

}  // namespace cenote
