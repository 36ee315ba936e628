// How many files and sockets this process may have open, and how many of them clients may take.
#pragma once

#include <cstddef>

namespace cenote {

// Raises the soft limit to the hard one, as each process may. Returns the limit that then holds. Call once,
// before threads start.
size_t raise_descriptor_limit() noexcept;

// A client's connection gets no descriptor of this number or a larger one. The kernel gives the lowest number
// that is free, so what is kept back stays free for our own files and for sockets to upstreams. From any
// thread.
int first_kept_descriptor() noexcept;
// Nor does a socket for a single question to an upstream get one from here on: these are for files and for
// the control socket. From any thread.
int first_reserved_descriptor() noexcept;

// Is that errno for want of descriptors, memory or room in a queue, and so no word about the other side?
bool is_want_of_room(int error) noexcept;

}  // namespace cenote
