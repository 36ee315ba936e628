// The one door to bytes: a bounded reader and a bounded writer, both with a sticky error. After the first
// step out of bounds every call is a no-op (reads give 0 or an empty span), so that a parser checks once at
// the end. Neither owns the bytes. Numbers are in network byte order.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace cenote {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

inline Bytes as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// REQUIRES: the bytes are there.
inline uint16_t u16_at(Bytes bytes, size_t at) noexcept {
  return static_cast<uint16_t>((bytes[at] << 8) | bytes[at + 1]);
}
inline uint32_t u32_at(Bytes bytes, size_t at) noexcept {
  return (uint32_t{u16_at(bytes, at)} << 16) | u16_at(bytes, at + 2);
}

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes, size_t offset = 0) noexcept
      : bytes_(bytes), offset_(offset), ok_(offset <= bytes.size()) {}

  uint8_t u8() noexcept { return need(1) ? bytes_[offset_++] : uint8_t{0}; }
  uint16_t u16() noexcept {
    if (!need(2)) {
      return 0;
    }
    offset_ += 2;
    return u16_at(bytes_, offset_ - 2);
  }
  uint32_t u32() noexcept {
    if (!need(4)) {
      return 0;
    }
    offset_ += 4;
    return u32_at(bytes_, offset_ - 4);
  }
  Bytes bytes(size_t count) noexcept {
    if (!need(count)) {
      return {};
    }
    const Bytes taken = bytes_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }
  void skip(size_t count) noexcept {
    if (need(count)) {
      offset_ += count;
    }
  }
  void fail() noexcept { ok_ = false; }

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] size_t offset() const noexcept { return offset_; }
  [[nodiscard]] size_t remaining() const noexcept { return ok_ ? bytes_.size() - offset_ : 0; }
  [[nodiscard]] Bytes all() const noexcept { return bytes_; }

 private:
  bool need(size_t count) noexcept {
    ok_ = ok_ && count <= bytes_.size() - offset_;
    return ok_;
  }

  Bytes bytes_;
  size_t offset_;
  bool ok_;
};

class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes bytes, size_t offset = 0) noexcept
      : bytes_(bytes), offset_(offset), ok_(offset <= bytes.size()) {}

  void u8(uint8_t value) noexcept {
    if (need(1)) {
      bytes_[offset_++] = value;
    }
  }
  void u16(uint16_t value) noexcept {
    if (need(2)) {
      store_u16(offset_, value);
      offset_ += 2;
    }
  }
  void u32(uint32_t value) noexcept {
    if (need(4)) {
      store_u16(offset_, static_cast<uint16_t>(value >> 16));
      store_u16(offset_ + 2, static_cast<uint16_t>(value));
      offset_ += 4;
    }
  }
  void bytes(Bytes source) noexcept {
    if (need(source.size()) && !source.empty()) {
      std::memmove(bytes_.data() + offset_, source.data(), source.size());
      offset_ += source.size();
    }
  }
  void text(std::string_view source) noexcept { bytes(as_bytes(source)); }
  void zeros(size_t count) noexcept {
    if (need(count) && count > 0) {
      std::memset(bytes_.data() + offset_, 0, count);
      offset_ += count;
    }
  }
  // Overwrites two bytes that were written before; REQUIRES: at + 2 <= size().
  void patch_u16(size_t at, uint16_t value) noexcept {
    if (ok_ && at + 2 <= offset_) {
      store_u16(at, value);
    }
  }
  // Back to an earlier size, and well again: the way to try something that may not fit.
  void roll_back(size_t size) noexcept {
    offset_ = size;
    ok_ = size <= bytes_.size();
  }

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] size_t size() const noexcept { return offset_; }
  [[nodiscard]] size_t room() const noexcept { return ok_ ? bytes_.size() - offset_ : 0; }
  [[nodiscard]] Bytes written() const noexcept { return bytes_.first(offset_); }

 private:
  bool need(size_t count) noexcept {
    ok_ = ok_ && count <= bytes_.size() - offset_;
    return ok_;
  }
  void store_u16(size_t at, uint16_t value) noexcept {
    uint8_t* const to = bytes_.data() + at;
    to[0] = static_cast<uint8_t>(value >> 8);
    to[1] = static_cast<uint8_t>(value);
  }

  MutableBytes bytes_;
  size_t offset_;
  bool ok_;
};

}  // namespace cenote
