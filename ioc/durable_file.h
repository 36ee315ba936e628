// Files that are there whole or not at all, whatever instant the process or the machine stops.
#pragma once

#include <string>

#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

// Writes beside `path` and renames over it. kDurable also waits until file and folder are on the disk.
enum class Durability : uint8_t { kAtomic, kDurable };
Result<void> replace_file(const std::string& path, Bytes bytes, Durability durability);

// An error names the file; beyond `most` bytes too.
Result<std::string> read_whole_file(const std::string& path, uint64_t most);

}  // namespace cenote
