// Names in key order, each with some numbers, as bytes: what a name shares with the one before is not
// repeated, so that a name takes about 14 bytes. How a build of millions of names passes them on without
// holding them.
//
// Threads: a writer or a reader belongs to one.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "ioc/name_key.h"
#include "ioc/scratch.h"
#include "resolver/base/bytes.h"

namespace cenote {

class SortedNamesWriter {
 public:
  explicit SortedNamesWriter(Scratch& out) : out_(out) {}
  // REQUIRES: keys in strictly rising order; at least one number.
  void put(Bytes key, std::span<const uint32_t> numbers);

 private:
  Scratch& out_;
  std::array<uint8_t, kMaxKeyBytes> last_;
  size_t last_size_ = 0;
};

class SortedNamesReader {
 public:
  static constexpr size_t kBuffer = 64 * 1024;

  // What one writer wrote, from `begin` to `end`. The bytes outlive the reader, and do not change.
  SortedNamesReader(const Scratch& bytes, uint64_t begin, uint64_t end, size_t buffer = kBuffer);
  explicit SortedNamesReader(const Scratch& bytes) : SortedNamesReader(bytes, 0, bytes.size()) {}
  SortedNamesReader(SortedNamesReader&&) = default;
  SortedNamesReader& operator=(SortedNamesReader&&) = delete;

  bool next();  // false at the end, and when Scratch::is_good() no longer
  [[nodiscard]] Bytes key() const noexcept { return {key_.data(), key_size_}; }
  [[nodiscard]] const std::vector<uint32_t>& numbers() const noexcept { return numbers_; }

 private:
  bool has(size_t size);
  uint64_t number() noexcept;

  const Scratch* bytes_;
  uint64_t at_;  // where the window ends
  uint64_t end_;
  std::vector<uint8_t> buffer_;
  Bytes window_;  // what has been read and not taken yet
  std::array<uint8_t, kMaxKeyBytes> key_;
  size_t key_size_ = 0;
  std::vector<uint32_t> numbers_;
};

}  // namespace cenote
