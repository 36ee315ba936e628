// Names that a company cannot work without, known without any file: the lists behind the guards when nothing
// else is configured. Short on purpose; docs/security-team.md says how to load longer ones.
#pragma once

#include <span>
#include <string_view>

namespace cenote::guard_lists {

std::span<const std::string_view> top_sites() noexcept;       // each stands for its "www." too
std::span<const std::string_view> infrastructure() noexcept;  // OCSP, CRL, time, updates, captive portals
std::span<const std::string_view> shared_hosts() noexcept;    // one host, pages of many people

}  // namespace cenote::guard_lists
