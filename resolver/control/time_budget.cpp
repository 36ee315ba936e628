#include "resolver/control/time_budget.h"

#include <algorithm>

namespace cenote {

bool TimeBudget::has_left(const std::string& who, MonoTime now) {
  Left* left = senders_.find(who);
  if (left == nullptr) {
    senders_.insert(who, {kMost, now});
    return true;
  }
  left->time = std::min(kMost, left->time + (now - left->counted) / kOneOf);
  left->counted = now;
  return left->time > MonoTime::duration{0};
}

void TimeBudget::spend(const std::string& who, MonoTime::duration time) {
  if (Left* left = senders_.find(who)) {
    left->time -= time;
  }
}

}  // namespace cenote
