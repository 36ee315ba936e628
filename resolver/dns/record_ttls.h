// The TTLs of a whole message's records. Any thread; pure.
#pragma once

#include <span>

#include "resolver/base/bytes.h"

namespace cenote {

// `offsets`: where each record's TTL stands in `message`, in the order of the records.

// Those of an RRset become the least of them (RFC 2181 section 5.2); signatures are a set per type that they
// sign (RFC 4034 section 3). REQUIRES: a message as scrub_response() makes it.
void level_ttls(MutableBytes message, std::span<const uint16_t> offsets);

// None is larger than `most` seconds.
void cap_ttls(MutableBytes message, std::span<const uint16_t> offsets, uint32_t most) noexcept;

}  // namespace cenote
