#include "ioc/feed_run.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <tuple>

#include <xxhash.h>

#include "ioc/address_index.h"
#include "ioc/name_key.h"

namespace cenote {
namespace {

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
  entries_.push_back({keys_.size(), record, static_cast<uint16_t>(key.bytes().size())});
  keys_.insert(keys_.end(), key.bytes().begin(), key.bytes().end());
}

// Sorts by 8 bytes of the key at a time, which compares whole numbers instead of chasing strings; equal ones
// go on with the next 8. Equal keys stay in the order in which they came.
void FeedRun::sort_items(std::span<Item> items, size_t depth) const {
  for (Item& item : items) {
    const Entry& entry = entries_[item.entry];
    const size_t left = entry.key_size - std::min<size_t>(entry.key_size, depth);
    std::array<uint8_t, 8> bytes{};
    if (left != 0) {
      std::memcpy(bytes.data(), keys_.data() + entry.key_at + depth, std::min<size_t>(left, bytes.size()));
    }
    uint64_t window;
    std::memcpy(&window, bytes.data(), sizeof window);
    item.window = __builtin_bswap64(window);
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.window != b.window ? a.window < b.window : a.entry < b.entry;
  });
  for (size_t begin = 0, ahead = 0; begin < items.size();) {
    size_t end = begin + 1;
    while (end < items.size() && items[end].window == items[begin].window) {
      ++end;
    }
    if (end - begin > 1) {
      for (ahead = std::max(ahead, end); ahead < std::min(end + kAhead, items.size()); ++ahead) {
        __builtin_prefetch(&entries_[items[ahead].entry]);
      }
      const auto goes_on = [&](const Item& item) { return entries_[item.entry].key_size > depth + 8; };
      const std::span<Item> group = items.subspan(begin, end - begin);
      if (std::any_of(group.begin(), group.end(), goes_on)) {
        sort_items(group, depth + 8);
      }
    }
    begin = end;
  }
}

bool FeedRun::replaces(uint32_t later, uint32_t earlier) const noexcept {
  const auto worth = [&](uint32_t record) {
    return worth_of(said_by(records_[record]), texts_.at(records_[record].category));
  };
  return later != earlier && worth(later) > worth(earlier);
}

void FeedRun::finish() {
  std::vector<Item> items(entries_.size());
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].entry = i;
  }
  sort_items(items, 0);
  std::vector<Entry> sorted;
  sorted.reserve(entries_.size());
  for (size_t i = 0; i < items.size(); ++i) {
    __builtin_prefetch(&entries_[items[std::min(i + kAhead, items.size() - 1)].entry]);
    sorted.push_back(entries_[items[i].entry]);
  }
  entries_ = std::move(sorted);
  drop_repeated_names();
  drop_repeated_blocks();
}

void FeedRun::drop_repeated_names() {
  size_t kept = 0;
  size_t group = 0;  // where the kept entries of the current key begin
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry entry = entries_[i];
    prefetch_key(i + kAhead);
    const Bytes key(keys_.data() + entry.key_at, entry.key_size);
    if (kept == 0 || !std::ranges::equal(key, this->key(kept - 1))) {
      group = kept;
    }
    const auto same =
        std::find_if(entries_.begin() + static_cast<ptrdiff_t>(group),
                     entries_.begin() + static_cast<ptrdiff_t>(kept), [&](const Entry& other) {
                       return identity_of(records_[entry.record]) == identity_of(records_[other.record]);
                     });
    if (same == entries_.begin() + static_cast<ptrdiff_t>(kept)) {
      entries_[kept++] = entry;
    } else if (replaces(entry.record, same->record)) {
      same->record = entry.record;
    }
  }
  entries_.resize(kept);
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
