// What the service manager is told: ready, reloading, stopping, alive (sd_notify(3), which documents the
// protocol for others to implement). Without one, as in a container, all of it does nothing.
#pragma once

#include <optional>
#include <string_view>

#include "resolver/base/clock.h"

namespace cenote {

// `state`: "READY=1", "STOPPING=1", "WATCHDOG=1" or several lines. From any thread; never waits.
void tell_service_manager(std::string_view state) noexcept;

// After how long without "WATCHDOG=1" this process is restarted; nullopt: never (sd_watchdog_enabled(3)).
std::optional<milliseconds> service_watchdog() noexcept;

}  // namespace cenote
