// What `cenote serve` would complain of, and run without: keys, certificates and files that cannot be used.
// For `cenote check`, which changes nothing.
#pragma once

#include <vector>

#include "conf/settings.h"
#include "resolver/base/clock.h"

namespace cenote {

// Warnings. Who runs this must be the user that serves, for others may read other files.
std::vector<Problem> look_at_files(const Settings& settings, WallTime now);

}  // namespace cenote
