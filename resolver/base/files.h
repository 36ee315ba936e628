// Files that appear whole or not at all, and secrets that outlive a restart. Start-up and reload only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

// The whole file appears at once or not at all, readable by `mode` from its first byte on, whatever the
// umask.
Result<void> write_file(const std::string& path, std::string_view text, mode_t mode);

// Whether this user, or root, is that one: nobody else could have made a file that is theirs say what he
// likes.
bool is_own_or_root(uid_t owner) noexcept;

// Whether something other than a file stands there: whoever opens a pipe waits for its writer, and a loop or
// the start with him. What is missing is none; libraries that open files themselves say so.
bool is_no_file(const std::string& path) noexcept;

// `size` random bytes, the same at every start: read from the file, which is made (mode 0600, and its folder)
// where there is none. A file of another size, one that cannot be read, and one that others may have read are
// set aside as FILE.damaged, the log says so, and another is made.
Result<std::vector<uint8_t>> persistent_secret(const std::string& path, size_t size);
std::vector<uint8_t> random_secret(size_t size);  // for this run alone

}  // namespace cenote
