// A domain name in wire form (RFC 1035 section 3.1), always in lower case, so that equal names are equal
// bytes (RFC 4343). A value of fixed size: no allocation, cheap to keep, at most 255 bytes and 127 labels.
// The question's own letter case lives in the packet, never here.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "resolver/base/bytes.h"

namespace cenote {

constexpr size_t kMaxNameBytes = 255;  // RFC 1035 section 2.3.4, the root label's byte included
constexpr size_t kMaxLabelBytes = 63;
constexpr size_t kMaxLabels = 127;  // follows from the two above

class Name {
 public:
  Name() noexcept { bytes_[0] = 0; }  // the root
  Name(const Name& other) noexcept { copy(other); }
  Name& operator=(const Name& other) noexcept {
    copy(other);
    return *this;
  }

  // Presentation form (RFC 1035 section 5.1): a trailing dot is allowed, \DDD and \X escapes are understood.
  // nullopt: an empty label, a label over 63 bytes, a name over 255 bytes, a broken escape, or "".
  static std::optional<Name> from_text(std::string_view text) noexcept;
  // Uncompressed wire form that ends with the root label exactly at the end of `wire`.
  static std::optional<Name> from_wire(Bytes wire) noexcept;

  // Reads a name that may be compressed (RFC 1035 section 4.1.4) and moves the reader behind it. Pointers
  // must lead strictly backwards, so a loop is impossible, and never into the header. False, the reader
  // failed and `out` is the root, on any violation.
  static bool read(ByteReader& reader, Name& out) noexcept;

  [[nodiscard]] Bytes wire() const noexcept { return {bytes_.data(), size_}; }
  [[nodiscard]] size_t size() const noexcept { return size_; }  // bytes of the wire form, 1..255
  [[nodiscard]] bool is_root() const noexcept { return size_ == 1; }
  [[nodiscard]] size_t label_count() const noexcept;  // without the root label: "www.example.com." has 3

  // Presentation form without the trailing dot ("." for the root); special bytes are escaped as \DDD or \X,
  // so the result is printable ASCII.
  [[nodiscard]] std::string to_text() const;

  // The last `labels` labels; the whole name when it has no more.
  [[nodiscard]] Name suffix(size_t labels) const noexcept;
  // "www.example.com" is below "example.com" and below itself.
  [[nodiscard]] bool is_at_or_below(const Name& ancestor) const noexcept {
    // The tail must match, which it rarely does, and begin where one of our labels begins.
    return ancestor.is_root() ||
           (size_ >= ancestor.size_ && bytes_[size_ - ancestor.size_] == ancestor.bytes_[0] &&
            is_below_tail(ancestor));
  }
  // Whether these bytes are this name, in whatever letter case.
  [[nodiscard]] bool is_written(Bytes wire) const noexcept;
  // One label in front; false (and unchanged) when the result would be too long.
  bool prepend_label(std::string_view label) noexcept;

  bool operator==(const Name& other) const noexcept {
    return size_ == other.size_ && std::equal(bytes_.begin(), bytes_.begin() + size_, other.bytes_.begin());
  }

 private:
  [[nodiscard]] bool is_below_tail(const Name& ancestor) const noexcept;
  bool append_labels(Bytes message, size_t& at, size_t& size) noexcept;
  bool follow_pointers(Bytes message, size_t start, size_t at, size_t& size) noexcept;

  friend class NameLabels;
  // A name of usual length costs one cache line, not four.
  void copy(const Name& other) noexcept {
    constexpr size_t kUsual = 63;
    size_ = other.size_;
    std::memcpy(bytes_.data(), other.bytes_.data(), kUsual);
    if (size_ > kUsual) {
      std::memcpy(bytes_.data() + kUsual, other.bytes_.data() + kUsual, kMaxNameBytes - kUsual);
    }
  }

  uint8_t size_ = 1;
  std::array<uint8_t, kMaxNameBytes> bytes_;
};

// Of Names' wire forms.
inline bool is_same_name(Bytes a, Bytes b) noexcept {
  return a.size() == b.size() && (a.data() == b.data() || std::equal(a.begin(), a.end(), b.begin()));
}
// The last `labels` labels; all of it when it has no more.
Bytes last_labels(Bytes wire, size_t labels) noexcept;

// A name's presentation form, as Name::to_text() gives it, without an allocation.
class NameText {
 public:
  explicit NameText(const Name& name) noexcept : NameText(name.wire()) {}
  explicit NameText(Bytes wire) noexcept;  // REQUIRES: of a Name
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  void add(uint8_t byte) noexcept;

  size_t size_ = 0;
  std::array<char, 4 * kMaxNameBytes> text_;  // \DDD for each byte at worst
};

// Where each label of a name begins: offset(0) is the leftmost one. Made once per lookup that walks parents.
class NameLabels {
 public:
  explicit NameLabels(const Name& name) noexcept;
  [[nodiscard]] size_t count() const noexcept { return count_; }
  [[nodiscard]] size_t offset(size_t label) const noexcept { return offsets_[label]; }

 private:
  uint8_t count_ = 0;
  std::array<uint8_t, kMaxLabels + 1> offsets_;
};

// ASCII only (RFC 4343 section 3).
inline uint8_t lower(uint8_t byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte + ('a' - 'A')) : byte;
}

}  // namespace cenote
