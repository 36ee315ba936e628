// Fetches a feed over HTTPS (or HTTP, where the source says so): one blocking request, bounded in size and
// time.
//
// Threads: any; a cancelled fetch ends within a second.
#pragma once

#include <atomic>
#include <string>

#include "resolver/base/clock.h"
#include "resolver/base/result.h"

namespace cenote {

struct FetchRequest {
  std::string url;
  std::string version;                        // of what we have: an unchanged source then sends nothing
  uint64_t most_bytes = uint64_t{256} << 20;  // after decompression by the transfer
  seconds timeout{120};
};

struct Fetched {
  bool is_unchanged = false;
  std::string body;
  std::string version;  // ETag or Last-Modified; empty: the server names none
};

Result<Fetched> fetch(const FetchRequest& request, const std::atomic<bool>& cancelled);

}  // namespace cenote
