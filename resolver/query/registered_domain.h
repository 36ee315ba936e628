// Which names have one owner: the domain that somebody registered, by the public suffix list. What floods of
// random names below one domain are counted by. Pure.
#pragma once

#include "ioc/suffixes.h"
#include "resolver/dns/name.h"

namespace cenote {

// The label below the public suffix, and the suffix; the name itself where it has no more. A hoster's domain
// (the list's private part) is one: its customers share its servers.
Bytes registered_domain(const Name& name, const PublicSuffixes& suffixes) noexcept;

}  // namespace cenote
