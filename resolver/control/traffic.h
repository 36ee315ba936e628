// Which names of recent traffic a change would treat otherwise, and how many clients ask for them: the part
// of a preview that tells whether somebody will call. Any thread; only values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ioc/feed_status.h"
#include "resolver/events/history.h"
#include "resolver/events/recent_names.h"
#include "resolver/policy/policy.h"

namespace cenote {

class Traffic {
 public:
  void add(const std::vector<RecentNames::Seen>& names);  // went upstream
  void add(const std::vector<NumberedEvent>& hits);       // were blocked or monitored

  // Most clients first, at most kTrafficChanges. Both as a client without a group has them.
  [[nodiscard]] std::vector<TrafficChange> compare(const Policy& before, const Policy& after,
                                                   WallTime now) const;

 private:
  struct Asked {
    Name name;
    uint64_t clients = 0;          // bits of RecentNames
    std::vector<IpAddress> known;  // once for each hit
  };
  Asked& asked(const Name& name);

  std::map<std::string, Asked> names_;
};
constexpr size_t kTrafficChanges = 100;

}  // namespace cenote
