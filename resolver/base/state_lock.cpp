#include "resolver/base/state_lock.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "resolver/base/files.h"
#include "resolver/base/log.h"

namespace cenote {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  const int value_;
};

int open_folder(const std::string& folder) {
  return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// Whoever owns the folder can put keys, tokens and lists of his own in the place of ours.
Result<struct stat> check(const std::string& folder, int opened) {
  struct stat status {};
  if (opened < 0 || fstat(opened, &status) != 0) {
    return fail("{}: {}", folder, std::strerror(errno));
  }
  if (!is_own_or_root(status.st_uid)) {
    return fail(
        "{}: belongs to user {}, and this process runs as user {}: run it as the owner, or give it the "
        "folder",
        folder, status.st_uid, geteuid());
  }
  return status;
}

}  // namespace

Result<void> make_state_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code failed;
  if (fs::create_directories(folder, failed)) {
    fs::permissions(folder, fs::perms::owner_all, failed);
  }
  const Descriptor opened(open_folder(folder));
  auto checked = check(folder, opened.get());
  return checked ? Result<void>() : checked.error();
}

StateLock::~StateLock() {
  if (file_ >= 0) {
    ::close(file_);
  }
}

Result<StateLock> StateLock::take(const std::string& folder) {
  if (auto made = make_state_folder(folder); !made) {
    return made.error();
  }
  const Descriptor opened(open_folder(folder));
  const auto checked = check(folder, opened.get());
  if (!checked) {
    return checked.error();
  }
  if ((checked->st_mode & S_IWOTH) != 0) {
    log::error("{}: everybody may write this folder, and so exchange keys and policy; chmod o-w", folder);
  }
  int file = openat(opened.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (file < 0 && (errno == EROFS || errno == EACCES)) {  // one that is there can be locked all the same
    file = openat(opened.get(), "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  }
  if (file < 0) {
    return fail("{}/lock: {}", folder, std::strerror(errno));
  }
  StateLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    return fail("{}/lock: another process uses this state_dir", folder);
  }
  return lock;
}

}  // namespace cenote
