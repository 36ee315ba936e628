#include "ioc/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "resolver/base/log.h"

namespace cenote {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

 private:
  int number_;
};

Error failed(const std::string& path) {
  return fail("{}: {}", path, std::strerror(errno));
}

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

int open_folder(const std::string& folder) {
  return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

}  // namespace

bool write_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      errno = written == 0 ? EIO : errno;  // no error is said where nothing was written
      return false;
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  const Descriptor descriptor(open_folder(folder));
  if (!descriptor.is_open() || ::fsync(descriptor.number()) != 0) {
    return failed(folder);
  }
  return {};
}

Result<std::string> set_aside(const std::string& path, std::string_view end) {
  constexpr int kMostOfOneName = 1000;
  for (int i = 1; i <= kMostOfOneName; ++i) {
    std::string aside = path + std::string(end) + (i == 1 ? "" : fmt::format("-{}", i));
    struct stat status {};
    if (::lstat(aside.c_str(), &status) == 0) {
      continue;  // of an earlier time
    }
    return ::rename(path.c_str(), aside.c_str()) == 0 ? Result<std::string>(std::move(aside)) : failed(path);
  }
  return fail("{}: {} of that name were set aside; look at them and remove them", path, kMostOfOneName);
}

bool is_set_aside(std::string_view name) noexcept {
  return name.find(kDamaged) != std::string_view::npos || name.find(kLost) != std::string_view::npos;
}

namespace {

Result<void> rename_over(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) {
    return {};
  }
  const Error error = failed(to);
  struct stat status {};
  if (::stat(to.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return error;
  }
  const auto aside = set_aside(to, kDamaged);
  if (!aside) {
    return aside.error();
  }
  log::error("{}: a folder stood where a file belongs; it is left in {}", to, *aside);
  return ::rename(from.c_str(), to.c_str()) == 0 ? Result<void>{} : failed(to);
}

}  // namespace

// The folder is opened before the rename: what keeps it from being opened must not come to light when the
// file has changed already.
Result<void> move_over(const std::string& from, const std::string& to, Durability durability) {
  if (durability == Durability::kAtomic) {
    return rename_over(from, to);
  }
  const std::string path = folder_of(to);
  const Descriptor folder(open_folder(path));
  if (!folder.is_open()) {
    return failed(path);
  }
  if (Result<void> moved = rename_over(from, to); !moved || ::fsync(folder.number()) == 0) {
    return moved;
  }
  if (durability == Durability::kDurable) {
    return failed(path);
  }
  log::error("{}: is replaced, but its folder cannot be forced to the disk ({}): a loss of power may undo it",
             to, std::strerror(errno));
  return {};
}

Result<void> replace_file(const std::string& path, Bytes bytes, Durability durability) {
  const std::string beside = path + ".new";
  {
    ::unlink(beside.c_str());  // of a process that died; or a pipe, whose reader nobody waits for
    const Descriptor descriptor(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
    if (!descriptor.is_open() || !write_all(descriptor.number(), bytes) ||
        (durability != Durability::kAtomic && ::fsync(descriptor.number()) != 0)) {
      const Error error = failed(beside);
      ::unlink(beside.c_str());
      return error;
    }
  }
  Result<void> moved = move_over(beside, path, durability);
  if (!moved) {
    ::unlink(beside.c_str());  // it is gone already when the rename was done
  }
  return moved;
}

Result<std::string> read_whole_file(const std::string& path, uint64_t most) {
  std::string body;
  Result<void> read = read_pieces(path, most, [&](Bytes piece) {
    body += as_text(piece);
    return Result<void>{};
  });
  return read ? Result<std::string>(std::move(body)) : read.error();
}

Result<void> read_pieces(const std::string& path, uint64_t most,
                         const std::function<Result<void>(Bytes)>& take) {
  constexpr size_t kPiece = 256 * 1024;
  // Nobody waits for the writer of a pipe that stands where a file belongs.
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!descriptor.is_open() || ::fstat(descriptor.number(), &status) != 0) {
    return failed(path);
  }
  if (!S_ISREG(status.st_mode)) {
    return fail("{}: not a file", path);
  }
  if (static_cast<uint64_t>(status.st_size) > most) {
    return fail("{}: {} bytes, more than {}", path, status.st_size, most);
  }
  std::vector<uint8_t> piece(std::min<size_t>(kPiece, static_cast<size_t>(status.st_size) + 1));
  uint64_t size = 0;
  while (true) {  // the file may grow or shrink meanwhile: read to its end
    const ssize_t got = ::read(descriptor.number(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return failed(path);
    }
    if (got == 0) {
      return {};
    }
    size += static_cast<size_t>(got);
    if (size > most) {
      return fail("{}: more than {} bytes", path, most);
    }
    if (Result<void> taken = take(Bytes(piece).first(static_cast<size_t>(got))); !taken) {
      return taken;
    }
  }
}

}  // namespace cenote
