// Which listed names are at or above a name: the compiled index, read in place from an image. Names stand
// sorted by reversed labels in small blocks, as entropy-coded texts that are compared as they stand; a keyed
// Bloom filter of one cache line a probe stands in front, so that a benign name never touches a block. Each
// name carries one number, its posting; what a posting means is the record table's business.
//
// Threads: immutable; any number of readers. Survives any damage: a wrong byte gives wrong answers, nothing
// worse.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ioc/asked_name.h"
#include "ioc/image.h"
#include "ioc/name_key.h"
#include "ioc/prefix_code.h"
#include "ioc/scratch.h"
#include "ioc/sorted_names.h"
#include "resolver/dns/name.h"

namespace cenote {

// A posting that only one name has is "fresh": fresh ones are numbered in the order of the names, so the
// index needs no bits for them. The others are shared.
class Posting {
 public:
  static constexpr uint32_t kMost = (uint32_t{1} << 30) - 1;
  Posting() = default;  // no value: arrays of them are made on the stack of every look-up
  static Posting shared(uint32_t index) noexcept { return Posting(index); }
  static Posting fresh(uint32_t index) noexcept { return Posting(index | kFresh); }
  [[nodiscard]] bool is_fresh() const noexcept { return (bits_ & kFresh) != 0; }
  [[nodiscard]] uint32_t index() const noexcept { return bits_ & ~kFresh; }
  bool operator==(const Posting&) const = default;

 private:
  static constexpr uint32_t kFresh = uint32_t{1} << 31;
  explicit Posting(uint32_t bits) noexcept : bits_(bits) {}
  uint32_t bits_;
};

// The parts that the image holds, in the layout of the file.
struct NameIndexHead {
  uint64_t names;
  uint64_t hash_seed;
  std::array<uint64_t, 2> depths;  // bit d: some listed name has d labels
  uint32_t filter_lines;
  uint32_t reserved;
};

struct FilterLine {
  std::array<uint64_t, 8> bits;  // a cache line
};

// The way to a block is its separator, the shortest key bytes that are above the name before the block and
// not above its first. Of some blocks in a row, a node, it is written once what all their separators begin
// with; each has its next bytes in its place, where a search compares them as one number, and the others
// behind.
struct BlockPlace {
  uint64_t front;     // the first 8 bytes that the node does not say, zero-filled, as a big-endian value
  uint32_t tail_at;   // where the bytes behind those begin; they end where the next place's do
  uint32_t block_at;  // where the block begins
};
struct BlockNode {
  uint32_t first_at;  // where its first separator begins, in full; it ends where the next node's does
  uint32_t shared;    // bytes that all its keys begin with, as does the next node's first separator
};

class NameIndex {
 public:
  struct Match {
    uint8_t depth;  // labels of the listed name
    Posting posting;
  };

  static Result<std::unique_ptr<const NameIndex>> open(const Image& image);

  [[nodiscard]] uint64_t size() const noexcept { return head_.names; }
  // The listed names that are `name` or above it, deepest first; returns how many were written.
  size_t find(const Name& name, std::span<Match> out) const noexcept;
  // The same for a name that other layers are asked about too. REQUIRES: made with hash_seed().
  size_t find(AskedName& asked, std::span<Match> out) const noexcept;
  void prefetch(size_t depth, uint64_t hash) const noexcept;  // what find() will read first
  // Of exactly this key.
  [[nodiscard]] std::optional<Posting> posting_of(Bytes key) const noexcept;
  // True when a listed name is strictly below.
  [[nodiscard]] bool has_below(const Name& name) const noexcept;
  // How many are strictly below.
  [[nodiscard]] uint64_t count_below(Bytes key) const noexcept;
  [[nodiscard]] uint64_t hash_seed() const noexcept { return head_.hash_seed; }
  [[nodiscard]] size_t deepest() const noexcept;  // labels of the deepest listed name
  // Bytes that look-ups read.
  [[nodiscard]] uint64_t bytes() const noexcept;

 private:
  friend class NameBlockReader;
  friend class NameCursor;
  NameIndex() = default;
  [[nodiscard]] bool check() const noexcept;
  [[nodiscard]] bool is_listed_depth(size_t depth) const noexcept {
    return (head_.depths[depth / 64] >> (depth % 64) & 1) != 0;
  }
  [[nodiscard]] bool may_hold(uint64_t hash) const noexcept;
  [[nodiscard]] size_t blocks_count() const noexcept { return places_.size() - 1; }
  [[nodiscard]] Bytes node_first(size_t node) const noexcept;
  [[nodiscard]] Bytes separator(size_t block, std::array<uint8_t, kMaxKeyBytes>& buffer) const noexcept;
  [[nodiscard]] Bytes separator_tail(size_t block) const noexcept;
  [[nodiscard]] size_t block_of(Bytes key) const noexcept;
  [[nodiscard]] bool begins_alike(size_t block, Bytes key, size_t bytes) const noexcept;
  bool search(Bytes key, Posting& posting) const noexcept;
  [[nodiscard]] uint64_t count_smaller(Bytes key) const noexcept;

  NameIndexHead head_{};
  Items<FilterLine> filter_;
  Items<BlockNode> nodes_;  // one more than there are, as with the places
  Bytes node_bytes_;
  // How each node's first separator begins, apart: they stay in the processor's caches, while a search among
  // all places would wait for memory at each step.
  std::vector<uint64_t> landmarks_;
  Items<BlockPlace> places_;
  Bytes tails_;
  Bytes blocks_;
  PrefixEncoder encoder_;
  PrefixDecoder decoder_;
};

class NameBlockReader;

// Every name in key order with its posting: for merging, comparing and tests. Not for look-ups.
class NameCursor {
 public:
  explicit NameCursor(const NameIndex& index);
  ~NameCursor();
  bool next();  // false at the end, and where the image is damaged
  [[nodiscard]] Bytes key() const noexcept;
  [[nodiscard]] Posting posting() const noexcept;

 private:
  std::unique_ptr<NameBlockReader> block_;  // null: at the end
  const NameIndex& index_;
  size_t number_ = 0;
};

class NameIndexBuilder {
 public:
  // What stands of the names before finish() goes to a file in `folder`, if there is one.
  explicit NameIndexBuilder(uint64_t hash_seed, const std::string& folder = {});

  ~NameIndexBuilder();

  // What a name is listed for is a number until finish(), which asks what posting it has come to.
  // REQUIRES: keys in strictly rising order; fresh postings 0, 1, 2, ... in the order of the names.
  void add(Bytes key, uint32_t said);
  [[nodiscard]] size_t size() const noexcept { return size_; }
  void finish(ImageWriter& out, const std::function<Posting(uint32_t said)>& posting_of);
  // False once the disk failed us: what finish() wrote is not all.
  [[nodiscard]] bool is_whole() const noexcept { return names_.is_good(); }

 private:
  class OpenBlock;
  class BlockWriter;
  void end_block();
  void end_node(size_t shared);

  uint64_t hash_seed_;
  std::array<uint64_t, 2> depths_{};
  Scratch names_;  // each with what it is listed for
  SortedNamesWriter writer_;
  size_t size_ = 0;
  std::unique_ptr<OpenBlock> block_;
  std::vector<std::vector<uint8_t>> node_;  // the separators of the one that is being filled
  std::vector<BlockNode> nodes_;
  std::vector<uint8_t> node_bytes_;
  std::vector<BlockPlace> places_;
  std::vector<uint8_t> tails_;
  std::array<uint64_t, 256> byte_counts_{};
};

}  // namespace cenote
