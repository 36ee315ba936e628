#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "ioc/record_table_layout.h"

namespace cenote {

using namespace record_table;

uint64_t RecordTableBuilder::intern(const RecordProfile& profile) {
  // There are a few dozen, so looking through them is quicker than any table.
  const auto found = std::find(profiles_.rbegin(), profiles_.rend(), profile);
  if (found != profiles_.rend()) {
    return static_cast<uint64_t>(profiles_.rend() - found - 1);
  }
  profiles_.push_back(profile);
  return profiles_.size() - 1;
}

uint32_t RecordTableBuilder::add(const RecordRow& row) {
  rows_.push_back(row);
  uses_.push_back(0);
  elsewhere_.push_back(false);
  return static_cast<uint32_t>(rows_.size() - 1);
}

// What allows a name goes first, the exceptions, which are the last feed, last of that: no number of entries
// that lift a block may push the block out.
void RecordTableBuilder::cut(std::vector<uint32_t>& records) const {
  std::stable_sort(records.begin(), records.end(), [&](uint32_t a, uint32_t b) {
    const auto order = [&](uint32_t record) {
      const bool allows = profile(record).action == Action::kAllow;
      return std::tuple(allows, allows ? UINT16_MAX - profile(record).feed : 0);
    };
    return order(a) < order(b);
  });
  warn_of_cut(records.size());
  records.resize(RecordTable::kMaxListed);
}

uint32_t RecordTableBuilder::reference(std::vector<uint32_t>& records) {
  if (records.size() > RecordTable::kMaxListed) {
    cut(records);
  }
  std::sort(records.begin(), records.end(), [&](uint32_t a, uint32_t b) {
    return std::tuple(profile(a).scope, profile(a).feed, a) <
           std::tuple(profile(b).scope, profile(b).feed, b);
  });
  if (records.size() == 1) {
    return records.front();
  }
  const auto [at, is_new] = known_lists_.try_emplace(records, static_cast<uint32_t>(lists_.size()));
  if (is_new) {
    lists_.push_back(records);
    list_uses_.push_back(0);
    for (const uint32_t record : records) {
      elsewhere_[record] = true;
    }
  }
  return at->second | kList;
}

uint32_t RecordTableBuilder::list_name(std::vector<uint32_t>& records) {
  const uint32_t ref = reference(records);
  if ((ref & kList) != 0) {
    ++list_uses_[ref & ~kList];
  } else if (++uses_[ref] == 1) {
    used_.push_back(ref);
  }
  return ref;
}

void RecordTableBuilder::list_address(std::vector<uint32_t>& records) {
  const uint32_t ref = reference(records);
  if ((ref & kList) == 0) {
    elsewhere_[ref] = true;
  }
  address_refs_.push_back(ref);
}

// Records that one name alone has come last, in the order of the names: the index then needs no bits to say
// which.
void RecordTableBuilder::number_records() {
  final_.assign(rows_.size(), std::numeric_limits<uint32_t>::max());
  for (uint32_t record = 0; record < rows_.size(); ++record) {
    if (uses_[record] > 1 || elsewhere_[record]) {
      order_.push_back(record);
    }
  }
  std::stable_sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) { return uses_[a] > uses_[b]; });
  shared_ = static_cast<uint32_t>(order_.size());
  for (uint32_t i = 0; i < shared_; ++i) {
    final_[order_[i]] = i;
  }
  for (const uint32_t record : used_) {
    if (final_[record] == std::numeric_limits<uint32_t>::max()) {
      final_[record] = static_cast<uint32_t>(order_.size());
      order_.push_back(record);
    }
  }
}

// What shared postings mean, the most used first, so that the common ones have small numbers. Returns refs.
std::vector<uint32_t> RecordTableBuilder::number_targets() {
  std::vector<uint32_t> targets;
  for (uint32_t i = 0; i < shared_; ++i) {
    if (uses_[order_[i]] != 0) {
      targets.push_back(order_[i]);
    }
  }
  for (uint32_t list = 0; list < lists_.size(); ++list) {
    if (list_uses_[list] != 0) {
      targets.push_back(list | kList);
    }
  }
  const auto uses_of = [&](uint32_t ref) {
    return (ref & kList) != 0 ? list_uses_[ref & ~kList] : uses_[ref];
  };
  std::stable_sort(targets.begin(), targets.end(),
                   [&](uint32_t a, uint32_t b) { return uses_of(a) > uses_of(b); });
  return targets;
}

Posting RecordTableBuilder::posting_of(uint32_t ref) const noexcept {
  if ((ref & kList) != 0) {
    return Posting::shared(list_posting_[ref & ~kList]);
  }
  return final_[ref] >= shared_ ? Posting::fresh(final_[ref] - shared_)
                                : Posting::shared(record_posting_[ref]);
}

std::vector<uint32_t> RecordTableBuilder::finish(ImageWriter& out) {
  number_records();
  const std::vector<uint32_t> target_refs = number_targets();
  std::vector<uint32_t> lists;
  std::vector<uint32_t> list_at(lists_.size());
  for (size_t i = 0; i < lists_.size(); ++i) {
    list_at[i] = static_cast<uint32_t>(lists.size());
    lists.push_back(static_cast<uint32_t>(lists_[i].size()));
    for (const uint32_t record : lists_[i]) {
      lists.push_back(final_[record]);
    }
  }
  const auto value_of = [&](uint32_t ref) {
    return (ref & kList) != 0 ? list_at[ref & ~kList] | kList : final_[ref];
  };

  std::vector<uint32_t> targets;
  record_posting_.resize(rows_.size());
  list_posting_.resize(lists_.size());
  for (const uint32_t ref : target_refs) {
    ((ref & kList) != 0 ? list_posting_[ref & ~kList] : record_posting_[ref]) =
        static_cast<uint32_t>(targets.size());
    targets.push_back(value_of(ref));
  }
  std::vector<uint32_t> values;
  for (const uint32_t ref : address_refs_) {
    values.push_back(value_of(ref));
  }
  write_rows(out);
  out.add_items<RecordProfile>(kProfilesSection, profiles_);
  out.add_items<uint32_t>(kTargetsSection, targets);
  out.add_items<uint32_t>(kListsSection, lists);
  out.add_items<uint32_t>(kTextOffsetsSection, texts.offsets());
  out.add(kTextsSection, as_bytes(texts.bytes()));
  return values;
}

void RecordTableBuilder::write_rows(ImageWriter& out) const {
  RecordTable::Head head{};
  head.records = order_.size();
  head.shared = shared_;
  for (size_t column = 0; column < RecordRow::kColumns; ++column) {
    uint64_t lowest = std::numeric_limits<uint64_t>::max();
    uint64_t highest = 0;
    for (const uint32_t record : order_) {
      const uint64_t value = rows_[record].columns[column];
      lowest = value != 0 ? std::min(lowest, value) : lowest;
      highest = std::max(highest, value);
    }
    if (highest != 0) {
      head.columns[column] = {lowest, static_cast<uint64_t>(std::bit_width(highest - lowest + 1))};
    }
  }
  // A row of the base and one of what is laid over it may say the same. Several rows without a bit would read
  // as damage.
  const bool has_bits = std::any_of(head.columns.begin(), head.columns.end(),
                                    [](const RecordTable::Column& column) { return column.width != 0; });
  if (order_.size() > 1 && !has_bits) {
    head.columns[RecordRow::kProfile] = {1, 1};
  }
  std::vector<uint8_t> rows;
  BitWriter bits(rows);
  for (const uint32_t record : order_) {
    for (size_t i = 0; i < RecordRow::kColumns; ++i) {
      const RecordTable::Column& column = head.columns[i];
      const uint64_t value = rows_[record].columns[i];
      const uint64_t stored = value == 0 ? 0 : value - column.base + 1;
      for (unsigned done = 0; done < column.width;) {
        const auto part = std::min<unsigned>(32, static_cast<unsigned>(column.width) - done);
        bits.put(static_cast<uint32_t>(stored >> done & ((uint64_t{1} << part) - 1)), part);
        done += part;
      }
    }
  }
  bits.align();
  rows.resize(rows.size() + BitReader::kPadding);
  out.add_items<RecordTable::Head>(kTableHeadSection, std::span<const RecordTable::Head>(&head, 1));
  out.add(kRowsSection, rows);
}

}  // namespace cenote
