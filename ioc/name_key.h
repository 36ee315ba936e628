// A name as a sort key: labels from the right, each closed by a zero byte, so that keys compare with memcmp,
// a name stands right before everything below it, and "is an ancestor of" is "is a prefix of". Label bytes 0
// and 1 are escaped (1 1 and 1 2), which keeps order and lets a zero byte mean only the end of a label.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>

#include "resolver/base/bytes.h"
#include "resolver/dns/name.h"

namespace cenote {

constexpr size_t kMaxKeyBytes = 2 * kMaxNameBytes;

class NameKey {
 public:
  NameKey() = default;  // the root: no bytes
  explicit NameKey(const Name& name) noexcept;
  NameKey(const Name& name, const NameLabels& labels) noexcept;

  [[nodiscard]] Bytes bytes() const noexcept { return {bytes_.data(), size_}; }
  // The key of the last `labels` labels. REQUIRES: labels <= the name's labels.
  [[nodiscard]] Bytes suffix(size_t labels) const noexcept { return {bytes_.data(), ends_[labels]}; }

 private:
  void add_label(Bytes label) noexcept;

  uint16_t size_ = 0;
  std::array<uint8_t, kMaxKeyBytes> bytes_;
  std::array<uint16_t, kMaxLabels + 1> ends_;
};

// The order of keys.
inline std::strong_ordering compare_keys(Bytes a, Bytes b) noexcept {
  const size_t size = std::min(a.size(), b.size());
  const int order = size == 0 ? 0 : std::memcmp(a.data(), b.data(), size);
  return order != 0 ? order <=> 0 : a.size() <=> b.size();
}
inline bool is_key_before(Bytes a, Bytes b) noexcept {
  return compare_keys(a, b) < 0;
}

// The first bytes as a number that compares like them. Filling with zeros is safe: a key has never two zero
// bytes in a row.
constexpr size_t kFrontBytes = 8;
inline uint64_t front_of(Bytes key) noexcept {
  uint64_t front = 0;
  if (key.size() >= kFrontBytes) {
    std::memcpy(&front, key.data(), kFrontBytes);
  } else {
    std::copy(key.begin(), key.end(), reinterpret_cast<uint8_t*>(&front));
  }
  return __builtin_bswap64(front);
}

// Back again. False when the bytes are no key: only a damaged image has such.
bool name_from_key(Bytes key, Name& out) noexcept;

// How many labels a key has.
size_t key_labels(Bytes key) noexcept;

}  // namespace cenote
