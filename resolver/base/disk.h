// What a disk allows. Start-up only.
#pragma once

#include <string>

namespace cenote {

// Whether nothing can be written below this folder, by nobody.
bool is_read_only(const std::string& folder);

}  // namespace cenote
