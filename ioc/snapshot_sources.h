// Where the entries of a new snapshot come from, each source in key order: what is in force, as far as it
// stays, and the runs of the feeds that are replaced. For the snapshot builder alone.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "ioc/overlay.h"
#include "ioc/record_table.h"
#include "ioc/snapshot_builder.h"

namespace cenote {

// One entry of one feed, however many origins say it. Of an exception also whom it is for, as a text.
struct EntryOf {
  uint32_t part = 0;
  Scope scope = Scope::kExact;
  bool allow = false;
  uint64_t bound_to = 0;
  auto operator<=>(const EntryOf&) const = default;
};

// What is said about one name or block, gathered from all sources.
struct Gathered {
  std::vector<uint32_t> records;  // of the new table
  std::vector<EntryOf> before;    // of feeds that are being replaced

  void clear() {
    records.clear();
    before.clear();
  }
};

// Adds to each feed's count how it differs in this name or block. Sorts both, and drops repeats.
void count_differences(std::vector<EntryOf>& was, std::vector<EntryOf>& is, std::vector<FeedDifference>& out);

struct BlockOrder {
  bool operator()(const Prefix& a, const Prefix& b) const noexcept { return is_before(a, b); }
};
using Blocks = std::map<Prefix, Gathered, BlockOrder>;

// The categories of all sources under common numbers.
class Categories {
 public:
  explicit Categories(TextPool& texts) : texts_(texts) {}
  uint8_t number(std::string_view category);
  [[nodiscard]] const std::vector<uint64_t>& texts() const { return texts_of_; }

 private:
  TextPool& texts_;
  std::vector<uint64_t> texts_of_;
};

class Source {
 public:
  virtual ~Source() = default;
  virtual bool next_name() = 0;
  [[nodiscard]] virtual Bytes key() const = 0;
  virtual void gather_name(Gathered& out) = 0;
  virtual void gather_blocks(Blocks& out) = 0;
};

std::unique_ptr<Source> make_run_source(const FeedRun& run, uint32_t part, RecordTableBuilder& table,
                                        Categories& categories);
std::unique_ptr<Source> make_layers_source(const CompiledSnapshot& base, const Overlay* overlay,
                                           std::span<const FeedPart> parts, RecordTableBuilder& table,
                                           Categories& categories);

}  // namespace cenote
