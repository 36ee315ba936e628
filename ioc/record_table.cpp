#include "ioc/record_table.h"

#include <algorithm>
#include <bit>

#include "ioc/record_table_layout.h"
#include "resolver/base/log.h"

namespace cenote {

using namespace record_table;

Result<std::unique_ptr<const RecordTable>> RecordTable::open(const Image& image) {
  std::unique_ptr<RecordTable> table(new RecordTable);
  auto head = image.items<Head>(kTableHeadSection);
  auto profiles = image.items<RecordProfile>(kProfilesSection);
  auto targets = image.items<uint32_t>(kTargetsSection);
  auto lists = image.items<uint32_t>(kListsSection);
  auto text_offsets = image.items<uint32_t>(kTextOffsetsSection);
  if (!head || head->size() != 1 || !profiles || !targets || !lists || !text_offsets) {
    return fail("record table: damaged sections");
  }
  table->head_ = head->front();
  table->rows_ = image.section(kRowsSection);
  table->profiles_ = *profiles;
  table->targets_ = *targets;
  table->lists_ = *lists;
  table->text_offsets_ = *text_offsets;
  table->texts_ = as_text(image.section(kTextsSection));
  for (const Column& column : table->head_.columns) {
    if (column.width > kMaxColumnBits) {
      return fail("record table: damaged columns");
    }
    table->row_bits_ += column.width;
  }
  if (!table->check()) {
    return fail("record table: damaged");
  }
  return std::unique_ptr<const RecordTable>(std::move(table));
}

bool RecordTable::check() const noexcept {
  if (rows_.size() < BitReader::kPadding || head_.records > Posting::kMost || head_.shared > head_.records ||
      (rows_.size() - BitReader::kPadding) * 8 < head_.records * row_bits_ ||
      (head_.records != 0 && profiles_.empty()) ||
      (row_bits_ == 0 && head_.records > 1)) {  // rows differ, so several of them have bits
    return false;
  }
  return text_offsets_.size() >= 2 && text_offsets_.front() == 0 &&
         std::is_sorted(text_offsets_.begin(), text_offsets_.end()) && text_offsets_.back() <= texts_.size();
}

bool RecordTable::fits(size_t feeds, size_t categories) const noexcept {
  return ((head_.records == 0 && lists_.empty()) || (feeds != 0 && categories != 0)) &&
         std::all_of(profiles_.begin(), profiles_.end(), [&](const RecordProfile& profile) {
           return profile.feed < feeds && profile.category < categories && profile.action <= Action::kAllow &&
                  profile.scope <= Scope::kBelow && profile.origin <= Origin::kByHand;
         });
}

std::string_view RecordTable::text(uint64_t id) const noexcept {
  if (id >= text_offsets_.size() - 1) {  // there is one more than texts, always
    return {};
  }
  return texts_.substr(text_offsets_[id], text_offsets_[id + 1] - text_offsets_[id]);
}

RecordRow RecordTable::row(uint32_t id) const noexcept {
  RecordRow row;
  const size_t bit = std::min<uint64_t>(id, head_.records) * row_bits_;
  BitReader in(rows_, 0, bit);
  for (size_t i = 0; i < RecordRow::kColumns; ++i) {
    const Column& column = head_.columns[i];
    if (column.width == 0) {
      continue;  // most columns say nothing in most lists
    }
    uint64_t stored = 0;
    for (unsigned done = 0; done < column.width;) {  // 32 bits are what a reader gives at once
      const auto part = std::min<unsigned>(32, static_cast<unsigned>(column.width) - done);
      stored |= uint64_t{in.take(part)} << done;
      done += part;
    }
    row.columns[i] = stored == 0 ? 0 : stored + column.base - 1;
  }
  return row;
}

// The first column alone.
RecordProfile RecordTable::profile(uint32_t id) const noexcept {
  static_assert(RecordRow::kProfile == 0);
  const Column& column = head_.columns[RecordRow::kProfile];
  const size_t bit = std::min<uint64_t>(id, head_.records) * row_bits_;
  BitReader in(rows_, 0, bit);
  const uint64_t stored = in.take(static_cast<unsigned>(std::min<uint64_t>(column.width, 32)));
  const uint64_t at = stored == 0 ? 0 : stored + column.base - 1;
  return at < profiles_.size() ? profiles_[at] : RecordProfile{};
}

Record RecordTable::record(uint32_t id) const noexcept {
  const RecordRow row = this->row(id);
  const auto& columns = row.columns;
  const RecordProfile profile = columns[RecordRow::kProfile] < profiles_.size()
                                    ? profiles_[columns[RecordRow::kProfile]]
                                    : RecordProfile{};
  Record record;
  record.feed = profile.feed;
  record.category = profile.category;
  record.action = profile.action;
  record.confidence = profile.confidence;
  record.first_seen = static_cast<int64_t>(columns[RecordRow::kFirstSeen]);
  record.valid_from = static_cast<int64_t>(columns[RecordRow::kValidFrom]);
  record.valid_until = static_cast<int64_t>(columns[RecordRow::kValidUntil]);
  record.threat = text(columns[RecordRow::kThreat]);
  record.reference = text(columns[RecordRow::kReference]);
  record.note = text(columns[RecordRow::kNote]);
  record.source_ref = text(columns[RecordRow::kSourceRef]);
  return record;
}

Items<uint32_t> RecordTable::listed(uint32_t value, uint32_t& single) const noexcept {
  if ((value & kList) == 0) {
    single = value;
    return value < head_.records ? Items<uint32_t>(&single, 1) : Items<uint32_t>();
  }
  const size_t at = value & ~kList;
  if (at >= lists_.size() || lists_[at] > std::min(kMaxListed, lists_.size() - at - 1)) {
    return {};
  }
  return lists_.subspan(at + 1, lists_[at]);
}

Items<uint32_t> RecordTable::listed(Posting posting, uint32_t& single) const noexcept {
  if (posting.is_fresh()) {
    const uint64_t value = head_.shared + posting.index();
    return value < head_.records ? listed(static_cast<uint32_t>(value), single) : Items<uint32_t>();
  }
  return posting.index() < targets_.size() ? listed(targets_[posting.index()], single) : Items<uint32_t>();
}

void warn_of_cut(size_t records) {
  log::warn("a name or block has {} entries: {} are in force, those that block before those that allow",
            records, RecordTable::kMaxListed);
}

}  // namespace cenote
