// Why names and blocks are listed: the records of a compiled snapshot, read in place from an image. What many
// entries share is there once; a record is a row of bit-packed columns; texts are numbers into one
// dictionary.
//
// Threads: the reader is immutable. Survives any damage: a wrong byte gives wrong answers, nothing worse.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "ioc/image.h"
#include "ioc/name_index.h"
#include "ioc/snapshot.h"
#include "ioc/text_pool.h"

namespace cenote {

// What a record says apart from its texts and times. Few differ, so a row holds its number only.
struct RecordProfile {
  uint16_t feed = 0;
  uint8_t category = 0;
  Action action = Action::kPass;
  uint8_t confidence = 0;
  Scope scope = Scope::kExact;
  Origin origin = Origin::kList;
  uint8_t reserved = 0;
  bool operator==(const RecordProfile&) const = default;
};

// A record as its columns: what the builder works with.
struct RecordRow {
  enum Column : uint8_t {
    kProfile,
    kFirstSeen,
    kValidFrom,
    kValidUntil,
    kThreat,
    kReference,
    kNote,
    kSourceRef,
    kColumns
  };
  std::array<uint64_t, kColumns> columns{};  // times as Unix seconds, texts as numbers; 0: none
};

class RecordTable {
 public:
  static Result<std::unique_ptr<const RecordTable>> open(const Image& image);

  [[nodiscard]] uint32_t size() const noexcept { return static_cast<uint32_t>(head_.records); }
  [[nodiscard]] Record record(uint32_t id) const noexcept;
  [[nodiscard]] RecordProfile profile(uint32_t id) const noexcept;
  // The records behind a name's posting or a block's value, exact entries first. Never more than kMaxListed.
  Items<uint32_t> listed(Posting posting, uint32_t& single) const noexcept;
  Items<uint32_t> listed(uint32_t value, uint32_t& single) const noexcept;
  [[nodiscard]] std::string_view text(uint64_t id) const noexcept;
  [[nodiscard]] RecordRow row(uint32_t id) const noexcept;
  // True when no record names a feed or category beyond these counts, or an action or scope that does not
  // exist.
  [[nodiscard]] bool fits(size_t feeds, size_t categories) const noexcept;

  // Of one name. A feed has eighteen at most, an exception one for each client.
  static constexpr size_t kMaxListed = 4095;  // who leaves some out says so: warn_of_cut()

 private:
  friend class RecordTableBuilder;
  struct Column {
    uint64_t base;  // what is stored is 0 for 0, else value - base + 1
    uint64_t width;
  };
  struct Head {
    uint64_t records;
    uint64_t shared;  // records before the first fresh one
    std::array<Column, RecordRow::kColumns> columns;
  };
  RecordTable() = default;
  [[nodiscard]] bool check() const noexcept;

  Head head_{};
  size_t row_bits_ = 0;
  Bytes rows_;
  Items<RecordProfile> profiles_;
  Items<uint32_t> targets_;  // what shared postings mean: a record, or kList and where a list begins
  Items<uint32_t> lists_;    // size, then that many records
  Items<uint32_t> text_offsets_;
  std::string_view texts_;
};

// In the log: of a name or block with so many records not all are kept.
void warn_of_cut(size_t records);

class RecordTableBuilder {
 public:
  TextPool texts;

  uint64_t intern(const RecordProfile& profile);
  uint32_t add(const RecordRow& row);  // the record's number for now; finish() gives final ones
  [[nodiscard]] const RecordProfile& profile(uint32_t record) const noexcept {
    return profiles_[static_cast<size_t>(rows_[record].columns[RecordRow::kProfile])];
  }
  // Whom an exception is for, as a text; 0: everybody.
  [[nodiscard]] uint64_t bound_to(uint32_t record) const noexcept {
    return rows_[record].columns[RecordRow::kSourceRef];
  }

  // The records of the next name, in key order; sorts them. Gives a number, of which posting_of() tells after
  // finish() what posting it has come to.
  uint32_t list_name(std::vector<uint32_t>& records);
  // The records of a block: its value is the i-th of finish()'s.
  void list_address(std::vector<uint32_t>& records);

  // The values of blocks, in the order of list_address().
  std::vector<uint32_t> finish(ImageWriter& out);
  [[nodiscard]] Posting posting_of(uint32_t ref) const noexcept;

 private:
  uint32_t reference(std::vector<uint32_t>& records);
  void cut(std::vector<uint32_t>& records) const;
  void number_records();
  std::vector<uint32_t> number_targets();
  void write_rows(ImageWriter& out) const;

  std::vector<RecordProfile> profiles_;
  std::vector<RecordRow> rows_;
  std::vector<uint32_t> address_refs_;  // a record, or kList | index into lists_; names have the same
  std::vector<std::vector<uint32_t>> lists_;
  std::map<std::vector<uint32_t>, uint32_t> known_lists_;
  std::vector<uint32_t> uses_;       // names that have this record alone
  std::vector<uint32_t> list_uses_;  // or this list
  std::vector<uint32_t> used_;       // records that any name has alone, by the first of them
  std::vector<bool> elsewhere_;      // in a list, or of a block
  std::vector<uint32_t> final_;      // number in the file
  std::vector<uint32_t> order_;      // and back
  uint32_t shared_ = 0;
  std::vector<uint32_t> record_posting_;
  std::vector<uint32_t> list_posting_;
};

}  // namespace cenote
