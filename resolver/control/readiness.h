// Whether clients may be sent here (GET /readyz): what a load balancer or VRRP asks, beside /healthz, which
// only says that the process works. Web thread.
#pragma once

#include <string>
#include <vector>

#include "ioc/feed_status.h"

namespace cenote {

struct StaleFeed {
  std::string name;
  std::string why;  // for people
};

// Of feeds that Cenote looks after itself, from files and URLs: those that never came, whose file cannot be
// read now, or whose last good download is more than three of its intervals ago. What is pushed has no
// interval; its sender knows.
std::vector<StaleFeed> stale_feeds(const std::vector<FeedStatus>& feeds, WallTime now);

}  // namespace cenote
