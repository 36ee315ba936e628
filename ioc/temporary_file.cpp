#include "ioc/temporary_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

namespace cenote {

Result<TemporaryFile> TemporaryFile::create(const std::string& folder) {
  std::string path = folder + "/XXXXXX";
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) {
    return fail("{}: {}", folder, std::strerror(errno));
  }
  static_cast<void>(::fchmod(descriptor, 0640));  // as the store's other files
  return TemporaryFile(std::move(path), descriptor);
}

TemporaryFile::~TemporaryFile() {
  if (descriptor_ < 0) {
    return;  // moved from
  }
  ::close(descriptor_);
  if (!is_kept_) {
    ::unlink(path_.c_str());
  }
}

Result<void> TemporaryFile::append(Bytes piece) {
  return write_all(descriptor_, piece) ? Result<void>{} : fail("{}: {}", path_, std::strerror(errno));
}

Result<void> TemporaryFile::write_at(uint64_t at, Bytes bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    errno = written == 0 ? EIO : errno;  // no error is said where nothing was written
    if (written <= 0 && errno != EINTR) {
      return fail("{}: {}", path_, std::strerror(errno));
    }
    const auto done = static_cast<size_t>(std::max<ssize_t>(written, 0));
    bytes = bytes.subspan(done);
    at += done;
  }
  return {};
}

Result<size_t> TemporaryFile::read_at(uint64_t at, MutableBytes room) const {
  while (true) {
    const ssize_t got = ::pread(descriptor_, room.data(), room.size(), static_cast<off_t>(at));
    if (got >= 0) {
      return static_cast<size_t>(got);
    }
    if (errno != EINTR) {
      return fail("{}: {}", path_, std::strerror(errno));
    }
  }
}

Result<void> TemporaryFile::keep_as(const std::string& path, Durability durability) {
  if (durability != Durability::kAtomic && ::fsync(descriptor_) != 0) {
    return fail("{}: {}", path, std::strerror(errno));
  }
  if (Result<void> moved = move_over(path_, path, durability); !moved) {
    is_kept_ = ::access(path_.c_str(), F_OK) != 0;  // renamed, but not forced: it is nobody's temporary file
    return moved;
  }
  path_ = path;
  is_kept_ = true;
  return {};
}

}  // namespace cenote
