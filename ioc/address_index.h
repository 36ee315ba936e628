// Which listed blocks hold an address: sorted blocks, each knowing the next wider one around it, read in
// place from an image. What the value of a block means is the record table's business.
//
// Threads: immutable; any number of readers. Survives any damage: a wrong byte gives wrong answers, nothing
// worse.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ioc/image.h"
#include "resolver/base/address.h"

namespace cenote {

class AddressIndex {
 public:
  struct Match {
    uint8_t length;  // bits of the prefix
    uint32_t value;
  };
  static constexpr size_t kMostMatches = 129;  // one for each length
  // An address as one number; IPv4 in the low 32 bits of `low`.
  struct Number {
    uint64_t high = 0;
    uint64_t low = 0;
    auto operator<=>(const Number&) const = default;
  };
  struct Row {  // as in the file, sorted by start, then wider first
    Number start;
    uint32_t around;  // 1 + the row of the narrowest block around this one; 0: none
    uint32_t value;
    uint64_t length;
  };

  static Result<std::unique_ptr<const AddressIndex>> open(const Image& image);
  // Over rows that outlive it.
  AddressIndex(Items<Row> v4, Items<Row> v6) noexcept : v4_(v4), v6_(v6) {}

  // All listed blocks that hold `address`, narrowest first; returns how many were written.
  size_t find(const IpAddress& address, std::span<Match> out) const noexcept;
  // Of exactly this block.
  [[nodiscard]] std::optional<uint32_t> value_of(const Prefix& prefix) const noexcept;
  [[nodiscard]] uint64_t size() const noexcept { return v4_.size() + v6_.size(); }
  [[nodiscard]] uint64_t bytes() const noexcept { return v4_.size_bytes() + v6_.size_bytes(); }

  // The i-th block of all, IPv4 first: for merging. REQUIRES: i < size().
  [[nodiscard]] std::pair<Prefix, uint32_t> at(size_t i) const noexcept;

 private:
  Items<Row> v4_;
  Items<Row> v6_;
};

class AddressIndexBuilder {
 public:
  void add(const Prefix& prefix, uint32_t value);  // in any order; a prefix twice: the last value
  void finish(ImageWriter& out) const;
  [[nodiscard]] std::vector<AddressIndex::Row> v4_rows() const { return rows(v4_, 32); }
  [[nodiscard]] std::vector<AddressIndex::Row> v6_rows() const { return rows(v6_, 128); }

 private:
  using Blocks = std::map<std::pair<AddressIndex::Number, uint8_t>, uint32_t>;
  static std::vector<AddressIndex::Row> rows(const Blocks& blocks, unsigned bits);
  Blocks v4_;
  Blocks v6_;
};

// The order in which rows stand.
AddressIndex::Number number_of(const IpAddress& address) noexcept;
bool is_before(const Prefix& a, const Prefix& b) noexcept;  // IPv4 first

}  // namespace cenote
