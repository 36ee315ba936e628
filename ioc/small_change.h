// A change to a few entries, as the journal keeps it: what makes the generation after out of the one before
// without anything else. Whole lists never come this way.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ioc/store.h"
#include "resolver/base/result.h"

namespace cenote {

struct SmallChange {
  uint64_t number = 0;  // of the generation that it makes
  WallTime made{};
  std::string what;
  std::string who;
  uint64_t names = 0;  // in force after it
  uint64_t addresses = 0;

  std::string feed;       // empty: only exceptions change
  std::string settings;   // fingerprint of the feed's
  std::string patch;      // as write_patch() writes it
  uint64_t rejected = 0;  // lines of the patch
  uint64_t held = 0;
  std::string rejects;  // id of the feed's rejected and held lines, when there are more now

  std::optional<SingleIndicator> added;
  std::string removed;  // the name of a single indicator
  std::optional<ExceptionRecord> allowed;
  std::string disallowed;  // the name of exceptions

  // The name whose single indicators or exceptions change; empty when a patch does.
  [[nodiscard]] const std::string& by_hand_name() const;
};

void apply(const SmallChange& change, StoredGeneration& generation);

}  // namespace cenote
