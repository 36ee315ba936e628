// How much of the web thread's time each sender may take, whatever it asks for: the page and all other
// senders have the rest. Web thread.
#pragma once

#include <string>

#include "blockpage/lru.h"
#include "resolver/base/clock.h"

namespace cenote {

class TimeBudget {
 public:
  // False: it has used up what it had.
  [[nodiscard]] bool has_left(const std::string& who, MonoTime now);
  void spend(const std::string& who, MonoTime::duration time);

 private:
  static constexpr size_t kMostSenders = 1024;
  // The dearest single request takes some 0.2 s; a script that asks for much at once gets it, once.
  static constexpr MonoTime::duration kMost = seconds{1};
  static constexpr int kOneOf = 4;  // a quarter of the time comes back

  struct Left {
    MonoTime::duration time = kMost;
    MonoTime counted;
  };
  Lru<std::string, Left> senders_{kMostSenders};
};

}  // namespace cenote
