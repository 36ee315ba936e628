// Everything that policy knows at one instant: all feeds' entries, compiled, immutable, numbered. Workers
// read it without a lock; a new one replaces it whole. Made by SnapshotBuilder, published by Updater.
//
// Threads: immutable after build(); any number of readers. The updater owns every snapshot and frees one only
// after each worker and the web loop have let go of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ioc/indicator.h"

namespace cenote {

using FeedId = uint16_t;     // index into the snapshot's feeds
using CategoryId = uint8_t;  // index into the snapshot's categories
constexpr size_t kMaxCategories = 256;
constexpr size_t kUsualHits = 32;  // entries that a look-up reports, with some to spare: most report none

// Why one feed lists one name or block. The texts live as long as the snapshot.
struct Record {
  FeedId feed = 0;
  CategoryId category = 0;
  Action action = Action::kPass;  // the feed's, or the entry's own
  uint8_t confidence = 0;         // 0..100
  int64_t first_seen = 0;         // Unix seconds, 0: unknown
  int64_t valid_from = 0;         // Unix seconds, 0: always
  int64_t valid_until = 0;        // Unix seconds, exclusive, 0: without end
  std::string_view threat;
  std::string_view reference;
  std::string_view note;
  std::string_view source_ref;

  [[nodiscard]] bool is_valid_at(int64_t unix_time) const noexcept {
    return unix_time >= valid_from && (valid_until == 0 || unix_time < valid_until);
  }
};

// One entry that covers what was asked: `depth` is the number of labels of the entry's name (bits of the
// prefix for an address), so the larger is the more specific; an exact entry is more specific than a suffix
// of the same depth.
struct Hit {  // without values of their own: arrays of them are made on the stack of every look-up
  uint8_t depth;
  Scope scope;
  uint32_t record;
};

struct SnapshotFeed {
  std::string name;
  uint64_t entries = 0;  // names and blocks, duplicates within the feed counted once
};

class Snapshot {
 public:
  virtual ~Snapshot() = default;

  [[nodiscard]] virtual uint64_t generation() const noexcept = 0;
  // The records that cover `name`, most specific first, as many as there is room for. Returns how many there
  // are, which may be more: a feed may list a name and a hundred parents of it, and what is left out could be
  // another feed's block. Hits has room for all. Never allocates. Expired records are reported too: the
  // caller knows what time it is.
  virtual size_t find(const Name& name, std::span<Hit> out) const noexcept = 0;
  // True when any entry lies strictly below `name`: then NXDOMAIN for `name` would hide it (RFC 8020).
  [[nodiscard]] virtual bool has_entry_below(const Name& name) const noexcept = 0;
  virtual size_t find(const IpAddress& address, std::span<Hit> out) const noexcept = 0;

  [[nodiscard]] virtual Record record(uint32_t id) const noexcept = 0;
  [[nodiscard]] virtual const std::vector<SnapshotFeed>& feeds() const noexcept = 0;
  [[nodiscard]] virtual const std::vector<std::string>& categories() const noexcept = 0;
  [[nodiscard]] virtual uint64_t names() const noexcept = 0;      // distinct (name, scope) entries
  [[nodiscard]] virtual uint64_t addresses() const noexcept = 0;  // distinct blocks
  [[nodiscard]] virtual uint64_t bytes() const noexcept = 0;      // memory it holds
};

// All records that cover a name or an address. Allocates only where there are more than usual.
class Hits {
 public:
  template <typename Listed>
  Hits(const Snapshot& snapshot, const Listed& listed) : count_(snapshot.find(listed, few_)) {
    if (count_ > few_.size()) {
      many_.resize(count_);
      snapshot.find(listed, many_);
    }
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::span<const Hit> all() const noexcept {
    return count_ > few_.size() ? std::span<const Hit>(many_) : std::span<const Hit>(few_).first(count_);
  }

 private:
  std::array<Hit, kUsualHits> few_;
  std::vector<Hit> many_;
  size_t count_;
};

}  // namespace cenote
