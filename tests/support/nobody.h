// A user whom rights concern, which root's never do.
#pragma once

#include <sys/fsuid.h>

#include <unistd.h>

namespace cenote::test {

constexpr uid_t kNobody = 65534;

// While it lives this thread meets files as that user. Does nothing where the tests are not run by root.
class Nobody {
 public:
  Nobody() {
    if (::geteuid() == 0) {
      ::setfsuid(kNobody);
    }
  }
  ~Nobody() { ::setfsuid(::geteuid()); }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;
};

}  // namespace cenote::test
