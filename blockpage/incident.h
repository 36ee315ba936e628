// What the block page must know about one stop, and where it asks. Web thread.
#pragma once

#include <optional>

#include "resolver/base/clock.h"
#include "resolver/events/event.h"

namespace cenote {

// An event as the person sees it who caused it.
struct Incident {
  IncidentId id;
  WallTime time;  // of the attempt
  IpAddress client;
  Name host;  // what was browsed to
  Verdict verdict;
};

class IncidentSource {
 public:
  // The recent hit of that client on that host or, failing this, what policy says of them now. nullopt: that
  // host is not blocked for that client.
  virtual std::optional<Incident> find(const IpAddress& client, const Name& host, Now time) = 0;

 protected:
  ~IncidentSource() = default;
};

}  // namespace cenote
