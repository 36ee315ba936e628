// Makes a snapshot's image out of feeds: those that changed as runs, all others as what is in force has
// them. A sorted merge, so that replacing one feed never parses or sorts another.
//
// Threads: one, the updater's. Decides nothing about what may be listed.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ioc/compiled_snapshot.h"
#include "ioc/feed_run.h"

namespace cenote {

class Overlay;

struct FeedPart {
  std::string name;
  const FeedRun* run = nullptr;  // finish()ed; null: as the base has it
};

// How a feed that came as a run differs from the base, in entries (name and scope, or block).
struct FeedDifference {
  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t unchanged = 0;
};

struct BuiltSnapshot {
  std::vector<uint8_t> image;
  std::vector<FeedDifference> differences;  // one for each part
  uint64_t names = 0;
  uint64_t addresses = 0;
};

// `base` may be null, and `overlay` when nothing changed since. Feeds of the base that are in no part are
// gone. `hash_seed`: unpredictable. When `stop` becomes true the result is empty and soon there.
BuiltSnapshot build_snapshot(const CompiledSnapshot* base, const Overlay* overlay,
                             std::span<const FeedPart> parts, uint64_t generation, uint64_t hash_seed,
                             const std::atomic<bool>* stop = nullptr);
inline BuiltSnapshot build_snapshot(const CompiledSnapshot* base, std::span<const FeedPart> parts,
                                    uint64_t generation, uint64_t hash_seed) {
  return build_snapshot(base, nullptr, parts, generation, hash_seed);
}

}  // namespace cenote
