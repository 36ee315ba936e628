// What a certificate's file says of its time. Start-up and reload only.
#pragma once

#include <optional>
#include <string>

#include "resolver/base/clock.h"

namespace cenote {

// The end of the first certificate of a PEM file; nullopt: there is none that could be read.
std::optional<WallTime> certificate_end(const std::string& file);

}  // namespace cenote
