// What the builder and the readers of a name index must agree on: sections, codes, hashes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "ioc/name_index.h"

namespace cenote::name_index {

enum Section : uint32_t {
  kHeadSection = 0x100,
  kFilterSection,
  kNodesSection,
  kNodeBytesSection,
  kPlacesSection,
  kTailsSection,
  kBlocksSection,
  kCodesSection,
};

// As many places as four cache lines hold, which a search among them asks for at once.
constexpr size_t kNodeBlocks = 16;

// 12 bits a name and 5 probes: a probe of an absent name passes in about 0.7 %.
constexpr size_t kFilterBitsPerName = 12;
constexpr unsigned kFilterProbes = 5;

constexpr size_t kByteSymbols = 256;

// What front_of() leaves of a key.
inline Bytes behind_front(Bytes key) noexcept {
  return key.subspan(std::min(key.size(), kFrontBytes));
}

// The hash that a look-up makes of the same name, label by label from the right; `depth` becomes how many
// they are.
uint64_t hash_key(Bytes key, uint64_t seed, size_t& depth) noexcept;

inline void set_filter_bits(FilterLine& line, uint64_t hash) noexcept {
  for (unsigned i = 0; i < kFilterProbes; ++i) {
    const uint64_t bit = hash >> (9 * i) & 511;
    line.bits[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

inline bool holds_filter_bits(const FilterLine& line, uint64_t hash) noexcept {
  for (unsigned i = 0; i < kFilterProbes; ++i) {
    const uint64_t bit = hash >> (9 * i) & 511;
    if ((line.bits[bit / 64] >> (bit % 64) & 1) == 0) {
      return false;
    }
  }
  return true;
}

// The line comes from the highest bits, the probes from the lowest 45.
inline size_t filter_line(uint64_t hash, uint32_t lines) noexcept {
  return static_cast<size_t>(((hash >> 32) * lines) >> 32);
}

inline size_t deepest_of(const NameIndexHead& head) noexcept {
  return static_cast<size_t>(head.depths[1] != 0 ? 127 - std::countl_zero(head.depths[1])
                                                 : 63 - std::countl_zero(head.depths[0] | 1));
}

}  // namespace cenote::name_index
