// Makes a snapshot's image out of feeds: those that changed as runs, all others as what is in force has
// them. A sorted merge, so that replacing one feed never parses or sorts another.
//
// Threads: one, the updater's. Decides nothing about what may be listed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ioc/compiled_snapshot.h"
#include "ioc/feed_run.h"
#include "ioc/temporary_file.h"
#include "resolver/base/result.h"

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
  std::vector<uint8_t> image;               // empty when there is a file
  std::shared_ptr<TemporaryFile> file;      // null when there was no folder to make it in
  std::vector<FeedDifference> differences;  // one for each part
  uint64_t names = 0;
  uint64_t addresses = 0;
};

struct BuildOptions {
  uint64_t generation = 0;
  uint64_t hash_seed = 0;                   // unpredictable
  std::string folder;                       // for what takes much room; empty: memory has it
  const std::atomic<bool>* stop = nullptr;  // when it becomes true the build soon ends with an error
};

// `base` may be null, and `overlay` when nothing changed since. Feeds of the base that are in no part are
// gone.
Result<BuiltSnapshot> build_snapshot(const CompiledSnapshot* base, const Overlay* overlay,
                                     std::span<const FeedPart> parts, const BuildOptions& options);
// In memory.
inline BuiltSnapshot build_snapshot(const CompiledSnapshot* base, std::span<const FeedPart> parts,
                                    uint64_t generation, uint64_t hash_seed) {
  return build_snapshot(base, nullptr, parts, {generation, hash_seed, {}, nullptr}).value();
}

}  // namespace cenote
