// Files that are there whole or not at all, whatever instant the process or the machine stops.
#pragma once

#include <functional>
#include <string>

#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

// Writes beside `path` and renames over it. kDurable also waits until file and folder are on the disk.
enum class Durability : uint8_t { kAtomic, kDurable };
Result<void> replace_file(const std::string& path, Bytes bytes, Durability durability);

// An error names the file; beyond `most` bytes too.
Result<std::string> read_whole_file(const std::string& path, uint64_t most);
// The same in pieces of a bounded size; an error of `take` ends it, and is given as it is.
Result<void> read_pieces(const std::string& path, uint64_t most,
                         const std::function<Result<void>(Bytes)>& take);

// The steps of it, for who writes a file by and by.
bool write_all(int descriptor, Bytes bytes);           // false: see errno
Result<void> sync_folder_of(const std::string& path);  // a rename lasts only when its folder does

}  // namespace cenote
