// Which listed names are at or above a name: the compiled index, read in place from an image. Names stand
// sorted by reversed labels in small front-coded blocks of entropy-coded tails; a keyed Bloom filter of one
// cache line a probe stands in front, so that a benign name never touches a block. Each name carries one
// number, its posting; what a posting means is the record table's business.
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
  [[nodiscard]] Bytes separator(size_t block, std::array<uint8_t, kMaxKeyBytes>& buffer) const noexcept;
  [[nodiscard]] Bytes separator_tail(size_t block) const noexcept;
  [[nodiscard]] size_t block_of(Bytes key) const noexcept;
  enum class Sought : uint8_t { kSame, kBelow };
  bool search(Bytes key, Sought sought, Posting& posting) const noexcept;
  enum class Order : uint8_t { kSmaller, kSame, kGreater, kDamaged };
  Order compare(BitReader& in, Bytes key, size_t& at) const noexcept;
  [[nodiscard]] uint64_t count_smaller(Bytes key) const noexcept;

  NameIndexHead head_{};
  Items<FilterLine> filter_;
  // One of each kLandmark fronts, apart: they stay in the processor's caches, while a search among all fronts
  // would wait for memory at each step.
  static constexpr size_t kLandmark = 32;
  std::vector<uint64_t> landmarks_;
  Items<uint64_t> fronts_;  // the first 8 bytes of each block's separator, zero-filled, big-endian value
  Items<uint32_t> tail_offsets_;  // where each separator's other bytes begin; one more than blocks
  Bytes tails_;
  Items<uint32_t> block_offsets_;  // one more than blocks
  Bytes blocks_;
  PrefixDecoder lengths_code_;  // of the bytes shared with the name before
  TextDecoder bytes_code_;
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
  explicit NameIndexBuilder(uint64_t hash_seed, const std::string& folder = {})
      : hash_seed_(hash_seed), names_(folder), writer_(names_) {}

  // What a name is listed for is a number until finish(), which asks what posting it has come to.
  // REQUIRES: keys in strictly rising order; fresh postings 0, 1, 2, ... in the order of the names.
  void add(Bytes key, uint32_t said);
  [[nodiscard]] size_t size() const noexcept { return size_; }
  void finish(ImageWriter& out, const std::function<Posting(uint32_t said)>& posting_of);
  // False once the disk failed us: what finish() wrote is not all.
  [[nodiscard]] bool is_whole() const noexcept { return names_.is_good(); }

 private:
  class BlockWriter;
  void add_separator(Bytes separator);

  uint64_t hash_seed_;
  std::array<uint64_t, 2> depths_{};
  Scratch names_;  // each with what it is listed for
  SortedNamesWriter writer_;
  size_t size_ = 0;
  std::vector<uint64_t> fronts_;
  std::vector<uint32_t> tail_offsets_{0};
  std::vector<uint8_t> tails_;
  std::array<uint64_t, 256> length_counts_{};
  std::array<uint64_t, 257> byte_counts_{};
  std::array<uint8_t, kMaxKeyBytes> last_;
  size_t last_size_ = 0;
};

}  // namespace cenote
