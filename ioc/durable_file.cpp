#include "ioc/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

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

}  // namespace

bool write_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.is_open() || ::fsync(descriptor.number()) != 0) {
    return failed(folder);
  }
  return {};
}

Result<void> replace_file(const std::string& path, Bytes bytes, Durability durability) {
  const std::string beside = path + ".new";
  {
    const Descriptor descriptor(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!descriptor.is_open() || !write_all(descriptor.number(), bytes) ||
        (durability == Durability::kDurable && ::fsync(descriptor.number()) != 0)) {
      const Error error = failed(beside);
      ::unlink(beside.c_str());
      return error;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    return failed(path);
  }
  return durability == Durability::kDurable ? sync_folder_of(path) : Result<void>{};
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
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
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
