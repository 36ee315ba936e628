// How two states that are compiled both differ, feed by feed, in entries. Reads names in order on both sides:
// a few tenths of a second for a million.
//
// Threads: any; both must stay meanwhile.
#pragma once

#include <string>
#include <vector>

#include "ioc/snapshot_builder.h"

namespace cenote {

// Of these feeds, in their order. `overlay` lies over `before`; it may be null.
std::vector<FeedDifference> compare_snapshots(const CompiledSnapshot& before, const Overlay* overlay,
                                              const CompiledSnapshot& after,
                                              const std::vector<std::string>& feeds);

}  // namespace cenote
