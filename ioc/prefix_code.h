// A static prefix code (Huffman, canonical, at most 12 bits a symbol) and the bit streams it is written to.
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
  void align();  // zero bits up to the next whole byte

 private:
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

  BitReader(Bytes bytes, size_t byte_offset) noexcept
      : bytes_(bytes),
        at_(byte_offset * 8),
        end_(bytes.size() < kPadding ? 0 : (bytes.size() - kPadding) * 8) {}

  // At least so many valid bits.
  static constexpr unsigned kPeekBits = 57;
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
  [[nodiscard]] bool ok() const noexcept { return at_ <= end_; }

 private:
  Bytes bytes_;
  size_t at_;
  size_t end_;
};

// What one load gives of a reader's bits, for loops that take several codes of it.
class BitWindow {
 public:
  explicit BitWindow(const BitReader& in) noexcept : bits_(in.peek()) {}
  [[nodiscard]] bool has_code() const noexcept { return used_ + kMaxCodeBits <= BitReader::kPeekBits; }
  [[nodiscard]] size_t next_code() const noexcept { return bits_ & ((size_t{1} << kMaxCodeBits) - 1); }
  void skip(unsigned count) noexcept {
    bits_ >>= count;
    used_ += count;
  }
  [[nodiscard]] unsigned used() const noexcept { return used_; }

 private:
  uint64_t bits_;
  unsigned used_ = 0;
};

class PrefixEncoder {
 public:
  // Code lengths that fit how often each symbol occurs; 0 for those that never do.
  static std::vector<uint8_t> lengths_for(std::span<const uint64_t> counts);

  explicit PrefixEncoder(std::span<const uint8_t> lengths);
  void put(BitWriter& out, size_t symbol) const { out.put(codes_[symbol], lengths_[symbol]); }

 private:
  std::vector<uint16_t> codes_;
  std::vector<uint8_t> lengths_;
};

class PrefixDecoder {
 public:
  static constexpr unsigned kNoSymbol = 0xFFF;

  // False when the lengths are no code: only in a damaged image.
  bool build(Bytes lengths);

  // kNoSymbol on bits that are no code.
  unsigned take(BitReader& in) const noexcept {
    BitWindow window(in);
    const unsigned symbol = take(window);
    in.skip(window.used());
    return symbol;
  }
  // REQUIRES: window.has_code().
  unsigned take(BitWindow& window) const noexcept {
    const uint16_t entry = table_[window.next_code()];
    window.skip(entry & 0xF);
    return entry >> 4;
  }

 private:
  static constexpr size_t kTableSize = size_t{1} << kMaxCodeBits;
  friend class TextDecoder;
  std::array<uint16_t, kTableSize> table_{};  // symbol << 4 | bits
};

// For texts that end with a symbol of their own: what need not be read is passed over, several symbols a
// step.
class TextDecoder {
 public:
  bool build(Bytes lengths, unsigned end);
  unsigned take(BitReader& in) const noexcept { return symbols_.take(in); }
  unsigned take(BitWindow& window) const noexcept { return symbols_.take(window); }
  // Behind the next end. False on bits that are no code, and where no end comes within `most` symbols.
  bool skip_text(BitReader& in, size_t most) const noexcept {
    for (size_t loads = 0; loads <= most; ++loads) {
      BitWindow window(in);
      while (window.has_code()) {
        const uint8_t step = steps_[window.next_code()];
        window.skip(step & kStepBits);
        if ((step & kEnds) != 0) {
          in.skip(window.used());
          return true;
        }
        if (step == 0) {
          return false;
        }
      }
      in.skip(window.used());
    }
    return false;
  }

 private:
  static constexpr uint8_t kEnds = 0x80;
  static constexpr uint8_t kStepBits = 0x0F;

  PrefixDecoder symbols_;
  // For each window the bits of the whole symbols in it, up to the first end; 0: no code.
  std::array<uint8_t, PrefixDecoder::kTableSize> steps_{};
};

}  // namespace cenote
