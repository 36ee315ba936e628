#include "ioc/feed_run.h"

#include <algorithm>
#include <span>
#include <tuple>

#include <xxhash.h>

#include "ioc/address_index.h"
#include "ioc/name_key.h"

namespace cenote {
namespace {

// What is sorted at once stays in a processor's own cache.
constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr size_t kChunkEntries = size_t{1} << 16;
constexpr size_t kMergeBytes = size_t{4} << 20;

// Times before 1970 cannot be told from "none"; an end that early is long past.
int64_t seconds_of(const std::optional<WallTime>& time, int64_t least) {
  return time ? std::max(unix_seconds(*time), least) : 0;
}

uint64_t hash_of(const RunRecord& record) noexcept {
  return XXH3_64bits(&record, offsetof(RunRecord, origin) + sizeof record.origin);
}

Action action_for(const Indicator& indicator, const FeedSettings& feed, int confidence) {
  if (indicator.allow) {
    return Action::kAllow;
  }
  if (feed.action == Action::kMonitor || confidence < feed.min_confidence) {
    return Action::kMonitor;  // a feed on trial never blocks, whatever its lines say
  }
  return indicator.action.value_or(feed.action);
}

// What makes two entries of one name the same one. Exceptions for several clients stay apart: source_ref
// holds whom.
auto identity_of(const RunRecord& record) noexcept {
  const bool is_allow = record.action == Action::kAllow;
  return std::tuple(record.scope, record.origin, is_allow, is_allow ? record.source_ref : 0);
}

}  // namespace

Record said_of(const RunRecord& record, const TextPool& texts) noexcept {
  Record said;
  said.action = record.action;
  said.confidence = record.confidence;
  said.first_seen = record.first_seen;
  said.valid_from = record.valid_from;
  said.valid_until = record.valid_until;
  said.threat = texts.at(record.threat);
  said.reference = texts.at(record.reference);
  said.note = texts.at(record.note);
  said.source_ref = texts.at(record.source_ref);
  return said;
}

RunRecord FeedRun::record_for(const Indicator& indicator, const FeedSettings& feed) {
  const int confidence =
      std::clamp(indicator.confidence < 0 ? feed.confidence : indicator.confidence, 0, 100);
  RunRecord record;
  record.first_seen = seconds_of(indicator.first_seen, 0);
  record.valid_from = seconds_of(indicator.valid_from, 0);
  record.valid_until = seconds_of(indicator.valid_until, 1);
  record.category =
      texts_.intern(indicator.category.empty() ? std::string_view(feed.category) : indicator.category);
  record.threat = texts_.intern(indicator.threat.empty() ? std::string_view(feed.threat) : indicator.threat);
  record.reference = texts_.intern(indicator.reference);
  record.note = texts_.intern(indicator.note);
  record.source_ref = texts_.intern(indicator.source_ref);
  record.action = action_for(indicator, feed, confidence);
  record.confidence = static_cast<uint8_t>(confidence);
  record.scope = indicator.scope;
  record.origin = indicator.origin;
  return record;
}

uint32_t FeedRun::intern(const RunRecord& record) {
  if (!records_.empty() && records_.back() == record) {
    return static_cast<uint32_t>(records_.size() - 1);  // nearly always, in a plain list
  }
  if ((records_.size() + 1) * 2 > record_slots_.size()) {
    record_slots_.assign(std::max<size_t>(64, record_slots_.size() * 2), 0);
    for (uint32_t i = 0; i < records_.size(); ++i) {
      size_t slot = hash_of(records_[i]) & (record_slots_.size() - 1);
      while (record_slots_[slot] != 0) {
        slot = (slot + 1) & (record_slots_.size() - 1);
      }
      record_slots_[slot] = i + 1;
    }
  }
  size_t slot = hash_of(record) & (record_slots_.size() - 1);
  for (; record_slots_[slot] != 0; slot = (slot + 1) & (record_slots_.size() - 1)) {
    if (records_[record_slots_[slot] - 1] == record) {
      return record_slots_[slot] - 1;
    }
  }
  records_.push_back(record);
  record_slots_[slot] = static_cast<uint32_t>(records_.size());
  return record_slots_[slot] - 1;
}

void FeedRun::add(const Indicator& indicator, const FeedSettings& feed) {
  const uint32_t record = intern(record_for(indicator, feed));
  if (indicator.kind == Indicator::Kind::kAddress) {
    blocks_.push_back({indicator.prefix, record});
    return;
  }
  const NameKey key(indicator.name);
  entries_.push_back(
      {static_cast<uint32_t>(keys_.size()), record, static_cast<uint16_t>(key.bytes().size())});
  keys_.insert(keys_.end(), key.bytes().begin(), key.bytes().end());
  if (keys_.size() >= kChunkBytes || entries_.size() >= kChunkEntries) {
    close_chunk();
  }
}

// Sorts by 8 bytes of the key at a time, which compares whole numbers instead of chasing strings; equal ones
// go on with the next 8. Equal keys stay in the order in which they came.
void FeedRun::sort_items(std::span<Item> items, size_t depth) const {
  for (Item& item : items) {
    const Bytes key = key_of(entries_[item.entry]);
    item.window = front_of(key.subspan(std::min(key.size(), depth)));
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.window != b.window ? a.window < b.window : a.entry < b.entry;
  });
  for (size_t begin = 0; begin < items.size();) {
    size_t end = begin + 1;
    bool goes_on = entries_[items[begin].entry].key_size > depth + 8;
    for (; end < items.size() && items[end].window == items[begin].window; ++end) {
      goes_on = goes_on || entries_[items[end].entry].key_size > depth + 8;
    }
    if (end - begin > 1 && goes_on) {
      sort_items(items.subspan(begin, end - begin), depth + 8);
    }
    begin = end;
  }
}

void FeedRun::close_chunk() {
  std::vector<Item> items(entries_.size());
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].entry = static_cast<uint32_t>(i);
  }
  sort_items(items, 0);
  SortedNamesWriter out(chunks_);
  std::vector<uint32_t> records;
  for (size_t i = 0; i < items.size();) {
    const Bytes key = key_of(entries_[items[i].entry]);
    records.clear();
    for (; i < items.size() && std::ranges::equal(key_of(entries_[items[i].entry]), key); ++i) {
      records.push_back(entries_[items[i].entry].record);
    }
    drop_repeats(records);
    out.put(key, records);
  }
  chunk_ends_.push_back(chunks_.size());
  keys_.clear();
  entries_.clear();
}

// The next name of one chunk.
struct FeedRun::Head {
  SortedNamesReader reader;
  uint64_t front;  // of its key
  size_t chunk;

  bool next() {
    const bool has_next = reader.next();
    front = front_of(reader.key());
    return has_next;
  }
  // Equal ones in the order in which they came.
  [[nodiscard]] bool is_before(const Head& other) const noexcept {
    if (front != other.front) {
      return front < other.front;
    }
    const auto order = compare_keys(reader.key(), other.reader.key());
    return order != 0 ? order < 0 : chunk < other.chunk;
  }
};

void FeedRun::merge_chunks() {
  // Many chunks share what few would have each.
  const size_t buffer = std::clamp<size_t>(kMergeBytes / std::max<size_t>(chunk_ends_.size(), 1), 4096,
                                           SortedNamesReader::kBuffer);
  std::vector<Head> heads;
  std::vector<Head*> heap;
  heads.reserve(chunk_ends_.size());
  for (size_t i = 0; i < chunk_ends_.size(); ++i) {
    const uint64_t begin = i == 0 ? 0 : chunk_ends_[i - 1];
    heads.push_back({SortedNamesReader(chunks_, begin, chunk_ends_[i], buffer), 0, i});
    if (heads.back().next()) {
      heap.push_back(&heads.back());
    }
  }
  const auto is_later = [](const Head* a, const Head* b) { return b->is_before(*a); };
  std::make_heap(heap.begin(), heap.end(), is_later);
  SortedNamesWriter out(sorted_);
  std::vector<uint8_t> key;
  std::vector<uint32_t> records;
  while (!heap.empty()) {
    const Bytes smallest = heap.front()->reader.key();
    key.assign(smallest.begin(), smallest.end());
    records.clear();
    while (!heap.empty() && std::ranges::equal(heap.front()->reader.key(), key)) {
      std::pop_heap(heap.begin(), heap.end(), is_later);
      const std::vector<uint32_t>& numbers = heap.back()->reader.numbers();
      records.insert(records.end(), numbers.begin(), numbers.end());
      if (heap.back()->next()) {
        std::push_heap(heap.begin(), heap.end(), is_later);
      } else {
        heap.pop_back();
      }
    }
    drop_repeats(records);
    out.put(key, records);
    name_entries_ += records.size();
  }
}

bool FeedRun::replaces(uint32_t later, uint32_t earlier) const noexcept {
  const auto worth = [&](uint32_t record) {
    return worth_of(said_by(records_[record]), texts_.at(records_[record].category));
  };
  return later != earlier && worth(later) > worth(earlier);
}

void FeedRun::finish() {
  close_chunk();
  keys_ = {};
  entries_ = {};
  merge_chunks();
  chunks_.clear();
  drop_repeated_blocks();
}

void FeedRun::drop_repeats(std::vector<uint32_t>& records) const {
  size_t kept = 0;
  for (const uint32_t record : records) {
    size_t same = 0;
    while (same < kept && identity_of(records_[records[same]]) != identity_of(records_[record])) {
      ++same;
    }
    if (same == kept) {
      records[kept++] = record;
    } else if (replaces(record, records[same])) {
      records[same] = record;
    }
  }
  records.resize(kept);
}

void FeedRun::drop_repeated_blocks() {
  const auto order = [&](const Block& block) {
    return std::tuple(!block.prefix.address.is_v4(), number_of(block.prefix.address), block.prefix.length,
                      identity_of(records_[block.record]));
  };
  std::stable_sort(blocks_.begin(), blocks_.end(),
                   [&](const Block& a, const Block& b) { return order(a) < order(b); });
  size_t kept = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (kept == 0 || order(blocks_[kept - 1]) != order(blocks_[i])) {
      blocks_[kept++] = blocks_[i];
    } else if (replaces(blocks_[i].record, blocks_[kept - 1].record)) {
      blocks_[kept - 1].record = blocks_[i].record;
    }
  }
  blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(kept), blocks_.end());
}

}  // namespace cenote
