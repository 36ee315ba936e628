// Files that are there whole or not at all, whatever instant the process or the machine stops.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

enum class Durability : uint8_t {
  kAtomic,   // whole, or as it was
  kDurable,  // and file and folder are on the disk; after an error the file may be there, and may go again
  // As kDurable, but an error means that nothing has changed. When all that fails comes after the rename, the
  // file has changed: the log says that a loss of power may undo it, and whoever asked goes on with it.
  kCommit
};
// Writes beside `path` and renames over it.
Result<void> replace_file(const std::string& path, Bytes bytes, Durability durability);

// An error names the file; beyond `most` bytes too.
Result<std::string> read_whole_file(const std::string& path, uint64_t most);
// The same in pieces of a bounded size; an error of `take` ends it, and is given as it is.
Result<void> read_pieces(const std::string& path, uint64_t most,
                         const std::function<Result<void>(Bytes)>& take);

// The steps of it, for who writes a file by and by.
bool write_all(int descriptor, Bytes bytes);           // false: see errno
Result<void> sync_folder_of(const std::string& path);  // a rename lasts only when its folder does
// Renames `from` over `to`. A folder that stands there, which is no work of ours, is set aside. Whether
// `from` is on the disk by then is the caller's matter.
Result<void> move_over(const std::string& from, const std::string& to,
                       Durability durability = Durability::kAtomic);

// What cannot be read or is not needed is never deleted unseen: it stays beside its place under another name,
// for a person to look at.
constexpr std::string_view kDamaged = ".damaged";
constexpr std::string_view kLost = ".lost";
// Renames `path` to itself with `end` behind it, and a number when that is taken. Gives the new path.
Result<std::string> set_aside(const std::string& path, std::string_view end);
bool is_set_aside(std::string_view name) noexcept;  // one of those names

}  // namespace cenote
