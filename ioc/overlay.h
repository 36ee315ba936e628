// What changed since the base was compiled: each name and block that a change touched, with the whole of what
// all feeds say about it now, in place of what the base says. So a removal is an entry that says nothing, and
// a look-up never has to combine two opinions. Small: it is copied with every change, and folded into a new
// base before that is felt.
//
// Threads: immutable once made; any number of readers. Refers to records of its base by their numbers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ioc/address_index.h"
#include "ioc/asked_name.h"
#include "ioc/compiled_snapshot.h"
#include "ioc/feed_run.h"
#include "ioc/text_pool.h"

namespace cenote {

class Overlay {
 public:
  // Numbers of records from here on are the overlay's own, below they are the base's.
  static constexpr uint32_t kOwn = uint32_t{1} << 31;

  struct OwnRecord {
    RunRecord said;  // its category is not used
    FeedId feed = 0;
    CategoryId category = 0;
    bool operator==(const OwnRecord&) const = default;
  };

  // What all feeds say about one name or block.
  struct Listed {
    uint64_t changed = 0;  // the generation that touched it last
    uint32_t at = 0;       // its records
    uint16_t count = 0;    // 0: nothing lists it any more
    bool in_base = false;
  };
  struct NameEntry {
    Listed listed;
    uint64_t hash = 0;
    uint32_t key_at = 0;
    uint16_t key_size = 0;
    uint32_t listed_before = 0;  // entries before this one that something lists
    uint32_t gone_before = 0;    // those that nothing lists any more, though the base does
  };
  struct BlockEntry {
    Listed listed;
    Prefix prefix;
  };

  [[nodiscard]] size_t size() const noexcept { return names_.size() + blocks_.size(); }
  [[nodiscard]] uint64_t bytes() const noexcept;

  // Null where no change touched the name: then the base speaks.
  [[nodiscard]] const Listed* find(AskedName& asked, size_t depth) const noexcept;
  [[nodiscard]] const Listed* find(Bytes key) const noexcept;
  [[nodiscard]] const Listed* find(const Prefix& prefix) const noexcept;
  void prefetch(size_t depth, uint64_t hash) const noexcept;
  [[nodiscard]] size_t deepest() const noexcept { return deepest_; }  // labels
  // The touched blocks that hold `address`, narrowest first; a value is an index into blocks().
  [[nodiscard]] const AddressIndex& address_index() const noexcept { return address_index_; }

  // Of what lies strictly below a name, as counts of touched names.
  struct Below {
    uint64_t listed = 0;
    uint64_t gone = 0;  // from the base
  };
  [[nodiscard]] Below below(Bytes key) const noexcept;

  // In key order; blocks with IPv4 first, then by address, then wider first.
  [[nodiscard]] const std::vector<NameEntry>& names() const noexcept { return names_; }
  [[nodiscard]] const std::vector<BlockEntry>& blocks() const noexcept { return blocks_; }
  [[nodiscard]] Bytes key(const NameEntry& entry) const noexcept {
    return Bytes(keys_).subspan(entry.key_at, entry.key_size);
  }
  // The most specific scope first.
  [[nodiscard]] std::span<const uint32_t> records(const Listed& listed) const noexcept {
    return std::span(records_).subspan(listed.at, listed.count);
  }
  // REQUIRES: `record` has kOwn.
  [[nodiscard]] const OwnRecord& own(uint32_t record) const noexcept { return own_[record & ~kOwn]; }
  [[nodiscard]] Record record(uint32_t record) const noexcept;
  [[nodiscard]] size_t own_count() const noexcept { return own_.size(); }
  // The base's and those that came with changes.
  [[nodiscard]] const std::vector<std::string>& categories() const noexcept { return categories_; }

  // What to add to the base's counts.
  [[nodiscard]] int64_t name_entries() const noexcept { return name_entries_; }
  [[nodiscard]] int64_t address_entries() const noexcept { return address_entries_; }
  [[nodiscard]] const std::vector<int64_t>& feed_entries() const noexcept { return feed_entries_; }

 private:
  friend class OverlayBuilder;
  Overlay() : address_index_({}, {}) {}

  std::vector<uint8_t> keys_;
  std::vector<NameEntry> names_;
  std::vector<BlockEntry> blocks_;
  std::vector<uint32_t> records_;
  std::vector<OwnRecord> own_;
  TextPool texts_;
  std::vector<std::string> categories_;
  std::vector<FilterLine> filter_;
  std::array<uint64_t, 2> depths_{};  // bit d: some touched name has d labels
  size_t deepest_ = 0;
  Below all_;
  std::vector<AddressIndex::Row> v4_rows_;
  std::vector<AddressIndex::Row> v6_rows_;
  AddressIndex address_index_;  // over the rows
  int64_t name_entries_ = 0;
  int64_t address_entries_ = 0;
  std::vector<int64_t> feed_entries_;  // by the base's feeds
};

// What is in force is a base and, when anything changed since, an overlay over it.
struct Layers {
  std::shared_ptr<const CompiledSnapshot> base;
  std::shared_ptr<const Overlay> overlay;  // null: nothing changed
};

// One change to one feed: some entries go, then some come.
struct OverlayChange {
  FeedId feed = 0;               // of the base
  std::optional<Origin> origin;  // only entries that came this way go; none: all
  std::vector<Name> gone_names;  // every scope of them
  std::vector<Prefix> gone_blocks;
  const FeedRun* coming = nullptr;  // finish()ed
};

struct ChangedOverlay {
  std::shared_ptr<const Overlay> overlay;
  uint64_t added = 0;  // entries of the feed
  uint64_t removed = 0;
};

// The overlay after `change`, which makes `generation`.
ChangedOverlay change_overlay(const Layers& layers, const OverlayChange& change, uint64_t generation);

std::shared_ptr<const Overlay> empty_overlay(const CompiledSnapshot& base);

// What was touched after `generation`, over another base that holds all that was there until then. REQUIRES:
// both bases have the same feeds.
std::shared_ptr<const Overlay> rebase_overlay(const Layers& layers, uint64_t generation,
                                              const CompiledSnapshot& base);

}  // namespace cenote
