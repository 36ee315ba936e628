#include "resolver/base/files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "resolver/base/random.h"

namespace cenote {
namespace {

Error file_error(const std::string& path, int error) {
  return fail("{}: {}", path, std::strerror(error));
}

}  // namespace

bool is_own_or_root(uid_t owner) noexcept {
  return owner == geteuid() || owner == 0;
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
  if (std::filesystem::exists(path, failed)) {
    std::ifstream file(path, std::ios::binary);
    std::vector<uint8_t> secret{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.is_open()) {
      return file_error(path, errno);
    }
    if (secret.size() != size) {
      return fail("{}: holds {} bytes where a secret of {} is expected; remove it to have one made", path,
                  secret.size(), size);
    }
    return secret;
  }
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  if (failed) {
    return fail("{}: {}", path, failed.message());
  }
  Random random;
  std::vector<uint8_t> secret(size);
  for (uint8_t& byte : secret) {
    byte = static_cast<uint8_t>(random.u64());
  }
  if (auto written = write_file(path, as_text(secret), S_IRUSR | S_IWUSR); !written) {
    return written.error();
  }
  return secret;
}

}  // namespace cenote
