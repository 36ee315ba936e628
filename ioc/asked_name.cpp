#include "ioc/asked_name.h"

// Inlined, for a label is only a few bytes and the call would cost as much as the hash.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "ioc/name_index_layout.h"

namespace cenote {

uint64_t hash_label(Bytes label, uint64_t above) noexcept {
  return XXH3_64bits_withSeed(label.data(), label.size(), above);
}

namespace name_index {

uint64_t hash_key(Bytes key, uint64_t seed, size_t& depth) noexcept {
  uint64_t hash = seed;
  depth = 0;
  for (size_t begin = 0; begin < key.size() && depth < kMaxLabels; ++depth) {
    std::array<uint8_t, kMaxLabelBytes> label;
    size_t size = 0;
    size_t at = begin;
    for (; at < key.size() && key[at] != 0 && size < label.size(); ++at) {
      const bool is_escaped = key[at] == 1 && at + 1 < key.size();
      label[size++] = is_escaped ? static_cast<uint8_t>(key[++at] - 1) : key[at];
    }
    hash = hash_label(Bytes(label).first(size), hash);
    begin = at + 1;
  }
  return hash;
}

}  // namespace name_index

}  // namespace cenote
