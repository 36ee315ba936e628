// The answers to the names that Cenote answers by itself (see LocalNames), and to questions about Cenote
// itself. Pure: bytes in, bytes out, no allocation.
#pragma once

#include "resolver/dns/extended_error.h"
#include "resolver/dns/query_message.h"
#include "resolver/query/local_names.h"

namespace cenote {

// Writes the answer over `out` (which may hold `packet`), at most `limit` bytes; returns its size. REQUIRES:
// match.kind is not kNone.
size_t write_local_answer(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                          const LocalNames::Match& match) noexcept;

// RFC 8482 section 4.2: what ANY gets instead of everything.
size_t write_any_answer(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet) noexcept;

// What stands in for an upstream's answer that leads to inner addresses: no data, and why. The name exists,
// and REFUSED would send the client on to its next server.
size_t write_withheld_answer(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                             const ExtendedError& why) noexcept;

// version.bind, id.server and their like, class CHAOS (RFC 4892); REFUSED where the configuration says
// nothing.
size_t write_identity(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                      const NamesSettings& settings) noexcept;

}  // namespace cenote
