// The configuration that the binary carries for `cenote serve` without --config, so that a first try needs no
// file. Start-up only.
#pragma once

#include <string>

#include "conf/settings.h"
#include "resolver/base/result.h"

namespace cenote {

// Settings whose files all lie below `folder`. Makes the folder (mode 0700) and, where it is absent, the
// sample feed in it: a feed file that somebody has edited stays as it is.
Result<LoadedSettings> embedded_settings(const std::string& folder);

}  // namespace cenote
