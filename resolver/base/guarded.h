// Turns exceptions into errors where work must not end the process: mostly std::bad_alloc, of a list that
// needs more memory than there is.
#pragma once

#include <exception>
#include <utility>

#include "resolver/base/result.h"

namespace cenote {

// Returns what `work` returns, a Result; an exception becomes its error.
template <typename Work>
auto guarded(Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::exception& error) {
    return fail("{}", error.what());
  }
}

}  // namespace cenote
