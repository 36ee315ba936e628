#include "resolver/base/files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "resolver/base/log.h"
#include "resolver/base/random.h"

namespace cenote {
namespace {

Error file_error(const std::string& path, int error) {
  return fail("{}: {}", path, std::strerror(error));
}

// What keeps the file from being a secret of ours; nothing: it is one.
std::string read_secret(const std::string& path, size_t size, std::vector<uint8_t>& secret) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return std::strerror(errno);
  }
  struct stat status {};
  std::string damage;
  secret.resize(size);
  if (fstat(file, &status) != 0) {
    damage = std::strerror(errno);
  } else if (!S_ISREG(status.st_mode) || static_cast<size_t>(status.st_size) != size) {
    damage = fmt::format("{} bytes where a secret of {} is expected", status.st_size, size);
  } else if (!is_own_or_root(status.st_uid) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    damage = "no secret, for another user may have read it";
  } else if (read(file, secret.data(), size) != static_cast<ssize_t>(size)) {
    damage = "cannot be read";
  }
  close(file);
  return damage;
}

}  // namespace

bool is_own_or_root(uid_t owner) noexcept {
  return owner == geteuid() || owner == 0;
}

bool is_no_file(const std::string& path) noexcept {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

Result<void> write_file(const std::string& path, std::string_view text, mode_t mode) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (file < 0) {
    return file_error(fresh, errno);
  }
  bool written = fchmod(file, mode) == 0;
  while (written && !text.empty()) {
    const ssize_t count = write(file, text.data(), text.size());
    written = count > 0 || (count < 0 && errno == EINTR);
    text.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
  }
  written = written && fsync(file) == 0;
  const int error = errno;
  close(file);
  if (!written) {
    return file_error(fresh, error);
  }
  if (rename(fresh.c_str(), path.c_str()) != 0) {
    return file_error(path, errno);
  }
  return {};
}

Result<std::vector<uint8_t>> persistent_secret(const std::string& path, size_t size) {
  std::error_code failed;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, failed))) {
    std::vector<uint8_t> secret;
    const std::string damage = read_secret(path, size, secret);
    if (damage.empty()) {
      return secret;
    }
    const std::string aside = path + ".damaged";
    log::error("{}: {}; another is made, the old file is {}", path, damage, aside);
    unlink(aside.c_str());
    if (rename(path.c_str(), aside.c_str()) != 0) {
      return file_error(aside, errno);
    }
  }
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  if (failed) {
    return fail("{}: {}", path, failed.message());
  }
  std::vector<uint8_t> secret = random_secret(size);
  if (auto written = write_file(path, as_text(secret), S_IRUSR | S_IWUSR); !written) {
    return written.error();
  }
  return secret;
}

std::vector<uint8_t> random_secret(size_t size) {
  Random random;
  std::vector<uint8_t> secret(size);
  for (uint8_t& byte : secret) {
    byte = static_cast<uint8_t>(random.u64());
  }
  return secret;
}

}  // namespace cenote
