// A clock that a test may push forward, for a whole program: every clock_gettime() of this process is the
// real time and what was passed. Linked only into tests that name it.
#pragma once

#include <chrono>

namespace cenote::test {

void pass_time(std::chrono::milliseconds much);

}  // namespace cenote::test
