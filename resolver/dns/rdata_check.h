// Whether rdata is what its type says it is: whole fields, whole names, nothing missing and nothing left
// over. A client that is given anything else may read it otherwise than we did, or not survive it. Any
// thread; pure.
#pragma once

#include <string_view>

#include "resolver/base/bytes.h"

namespace cenote {

// The fields that the rdata of a type begins with, one letter each: '1' to '9' that many bytes, 's' a
// character-string, 'n' a name that may come compressed, 'p' one that may not. Empty: none that we know.
// RFC 3597 section 4: compressed are only the names of RFC 1035's types, and those of a few after it, which
// may be received so.
std::string_view rdata_fields(uint16_t type) noexcept;

// `offset`, `size`: where the rdata stands in `message`, which holds all of it. A type that we do not know is
// always well-formed (RFC 3597 section 5).
bool is_well_formed(uint16_t type, Bytes message, size_t offset, size_t size) noexcept;

}  // namespace cenote
