// What a disk allows. Asks the kernel, so not where an answer waits.
#pragma once

#include <string>

namespace cenote {

// Whether nothing can be written below this folder, by nobody.
bool is_read_only(const std::string& folder);

}  // namespace cenote
