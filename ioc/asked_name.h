// A name while it is looked up: the keyed hash of itself and of each of its ancestors, and its sort key,
// which most look-ups never need. Made once and shared by all layers of a snapshot.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "ioc/name_key.h"
#include "resolver/dns/name.h"

namespace cenote {

// One step of the hash: of a label below a name whose hash is `above` (the root's is the seed).
uint64_t hash_label(Bytes label, uint64_t above) noexcept;

class AskedName {
 public:
  // Looks at no more than `deepest` labels. `note(depth, hash)` is called as each hash is known, so that
  // memory can be asked for early. The name must outlive this.
  template <typename Note>
  AskedName(const Name& name, uint64_t seed, size_t deepest, Note note) noexcept
      : name_(name), labels_(name), depth_(std::min(labels_.count(), deepest)) {
    const Bytes wire = name.wire();
    uint64_t hash = seed;
    for (size_t depth = 0;; ++depth) {
      hashes_[depth] = hash;
      note(depth, hash);
      if (depth == depth_) {
        break;
      }
      const size_t at = labels_.offset(labels_.count() - 1 - depth);
      hash = hash_label(wire.subspan(at + 1, wire[at]), hash);
    }
  }

  [[nodiscard]] size_t label_count() const noexcept { return labels_.count(); }
  [[nodiscard]] size_t depth() const noexcept { return depth_; }
  // Of the last `depth` labels. REQUIRES: depth <= depth().
  [[nodiscard]] uint64_t hash(size_t depth) const noexcept { return hashes_[depth]; }
  [[nodiscard]] Bytes key(size_t depth) noexcept {
    if (!key_) {
      key_.emplace(name_, labels_);
    }
    return key_->suffix(depth);
  }

 private:
  const Name& name_;
  NameLabels labels_;
  size_t depth_;
  std::array<uint64_t, kMaxLabels + 1> hashes_;
  std::optional<NameKey> key_;
};

}  // namespace cenote
