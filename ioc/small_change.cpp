#include "ioc/small_change.h"

#include <algorithm>
#include <unordered_set>

#include "ioc/feed_compiler.h"

namespace cenote {

const std::string& SmallChange::by_hand_name() const {
  return added ? added->name : allowed ? allowed->exception.name : !removed.empty() ? removed : disallowed;
}

void apply(const SmallChange& change, StoredGeneration& generation) {
  generation.number = change.number;
  generation.made = change.made;
  generation.what = change.what;
  generation.who = change.who;
  generation.names = change.names;
  generation.addresses = change.addresses;
  generation.snapshot = 0;
  if (!change.feed.empty()) {
    StoredFeed& feed = generation.feeds[change.feed];
    feed.patch_tail += change.patch;
    feed.settings = change.settings;
    feed.generation = change.number;
    feed.who = change.patch.empty() ? feed.who : change.who;
    feed.rejected += change.rejected;
    feed.held += change.held;
    feed.rejects = change.rejects.empty() ? feed.rejects : change.rejects;
  }
  // What a patch takes out is gone, however it came.
  std::unordered_set<std::string> removed = {change.removed};
  for (const PatchStep& step : read_patch(change.patch)) {
    if (!step.adds) {
      removed.insert(step.text);
    }
  }
  // The newest of the same stands in place of the one before.
  std::erase_if(generation.singles, [&](const SingleIndicator& other) {
    return other.feed == change.feed &&
           (change.added ? other.name == change.added->name && other.exact == change.added->exact
                         : removed.contains(other.name));
  });
  std::erase_if(generation.exceptions, [&](const ExceptionRecord& record) {
    const ExceptionSettings& other = record.exception;
    return change.allowed ? other.name == change.allowed->exception.name &&
                                other.exact == change.allowed->exception.exact &&
                                other.client == change.allowed->exception.client
                          : other.name == change.disallowed;
  });
  if (change.added) {
    generation.singles.push_back(*change.added);
  }
  if (change.allowed) {
    generation.exceptions.push_back(*change.allowed);
  }
}

}  // namespace cenote
