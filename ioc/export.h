// The approved set for other machines: what Cenote would block now, in the words of a proxy, a firewall, a
// mail server or another resolver, so that they follow the same decision.
//
// Threads: any; the runs must not change meanwhile.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ioc/feed_run.h"
#include "resolver/base/result.h"

namespace cenote {

struct ExportRequest {
  std::string format;
  std::string feed;      // only of this one; empty: of all
  std::string category;  // only of this one; empty: of all
};

struct ExportSource {
  std::string feed;
  const FeedRun* run = nullptr;  // finish()ed
};

struct ExportTime {
  int64_t now = 0;  // Unix seconds: entries that do not hold then are left out
  uint64_t generation = 0;
};

// "rpz", "plain", ... in the order of the documentation.
std::vector<std::string_view> export_formats();

// Entries that block, each name once: monitored ones, allow entries and those that an exception for everybody
// lifts whole are left out. What a format cannot say is left out and counted in its first comment.
Result<std::string> export_indicators(std::span<const ExportSource> sources,
                                      const std::vector<ExceptionSettings>& exceptions,
                                      const ExportRequest& request, ExportTime time);

}  // namespace cenote
