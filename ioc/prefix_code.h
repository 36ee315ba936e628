// A static prefix code (Huffman, canonical, at most 12 bits a symbol), the bit streams it is written to, and
// texts in it that are compared as they stand.
// Bits are filled from the lowest of each byte, so that a reader takes them with one unaligned load and a
// shift.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "resolver/base/bytes.h"

namespace cenote {

class BitWriter {
 public:
  explicit BitWriter(std::vector<uint8_t>& out) : out_(out) {}
  // REQUIRES: count <= 32 and value < 2^count.
  void put(uint32_t value, unsigned count);
  void align();  // zero bits up to the next whole byte, and what was put is in the vector

 private:
  void flush(size_t bytes);

  std::vector<uint8_t>& out_;
  uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

constexpr unsigned kMaxCodeBits = 12;  // one table of 4096 entries decodes every symbol in one step

// Reads beyond the end give zero bits; ok() tells in the end.
class BitReader {
 public:
  // What a buffer must have behind its last used byte, so that one load never leaves it.
  static constexpr size_t kPadding = 8;

  // Begins `bits` behind a byte.
  BitReader(Bytes bytes, size_t byte_offset, size_t bits = 0) noexcept
      : bytes_(bytes),
        at_(byte_offset * 8 + bits),
        end_(bytes.size() < kPadding ? 0 : (bytes.size() - kPadding) * 8) {}

  // The lowest 57 bits are valid.
  [[nodiscard]] uint64_t peek() const noexcept {
    if (at_ >= end_) {
      return 0;
    }
    uint64_t word;
    std::memcpy(&word, bytes_.data() + at_ / 8, sizeof word);
    return word >> (at_ % 8);
  }
  void skip(unsigned count) noexcept { at_ += count; }
  uint32_t take(unsigned count) noexcept {
    const uint64_t bits = peek() & ((uint64_t{1} << count) - 1);
    skip(count);
    return static_cast<uint32_t>(bits);
  }
  [[nodiscard]] size_t at() const noexcept { return at_; }  // in bits, from the first byte of all
  [[nodiscard]] bool ok() const noexcept { return at_ <= end_; }

 private:
  Bytes bytes_;
  size_t at_;
  size_t end_;
};

class PrefixEncoder {
 public:
  struct Code {
    uint16_t bits = 0;
    uint16_t length = 0;  // 0: a symbol that has none
  };

  // Code lengths that fit how often each symbol occurs; 0 for those that never do.
  static std::vector<uint8_t> lengths_for(std::span<const uint64_t> counts);

  PrefixEncoder() = default;  // has no symbol
  explicit PrefixEncoder(std::span<const uint8_t> lengths);
  [[nodiscard]] Code code(size_t symbol) const noexcept { return codes_[symbol]; }
  void put(BitWriter& out, size_t symbol) const { out.put(codes_[symbol].bits, codes_[symbol].length); }

 private:
  std::vector<Code> codes_;
};

class PrefixDecoder {
 public:
  static constexpr unsigned kNoSymbol = 0xFFF;

  // False when the lengths are no code: only in a damaged image.
  bool build(Bytes lengths);

  // kNoSymbol on bits that are no code.
  unsigned take(BitReader& in) const noexcept {
    const uint16_t entry = table_[in.peek() & (kTableSize - 1)];
    in.skip(entry & 0xF);
    return entry >> 4;
  }

 private:
  static constexpr size_t kTableSize = size_t{1} << kMaxCodeBits;
  std::array<uint16_t, kTableSize> table_{};  // symbol << 4 | bits
};

// A text in a code of bytes. As no code begins another, coded texts are the same where the texts are, so that
// a look-up compares with many and decodes none.
class CodedText {
 public:
  static constexpr size_t kMostBytes = 512;

  // REQUIRES: text.size() <= kMostBytes, and the code is one of 256 symbols.
  CodedText(const PrefixEncoder& encoder, Bytes text) noexcept;

  [[nodiscard]] bool has_code() const noexcept { return has_code_; }  // false: some byte of it has none
  [[nodiscard]] size_t bits() const noexcept { return bits_; }
  // True when the next bits() bits are this text.
  [[nodiscard]] bool is_next(BitReader in) const noexcept {
    const uint64_t* piece = pieces_.data();
    size_t left = bits_;
    for (; left >= kPieceBits; left -= kPieceBits) {
      if (((in.peek() ^ *piece++) & kPieceMask) != 0) {
        return false;
      }
      in.skip(kPieceBits);
    }
    return ((in.peek() ^ *piece) & ((uint64_t{1} << left) - 1)) == 0;
  }

 private:
  static constexpr unsigned kPieceBits = 56;  // one load gives as many, wherever it begins
  static constexpr uint64_t kPieceMask = (uint64_t{1} << kPieceBits) - 1;

  size_t bits_ = 0;
  bool has_code_ = true;
  std::array<uint64_t, kMostBytes * kMaxCodeBits / kPieceBits + 1> pieces_;  // the lowest bits first
};

}  // namespace cenote
