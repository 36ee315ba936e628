// A file of the record of changes that is open. For ioc/audit_*.cpp alone.
#pragma once

#include <string>
#include <utility>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "ioc/audit_log.h"

namespace cenote {

class AuditLog::File {
 public:
  explicit File(int number) noexcept : number_(number) {}
  // Nobody waits for the writer of a pipe that stands where a file belongs.
  static File of_reading(const std::string& path) {
    return File(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  }
  ~File() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  File& operator=(File&&) = delete;

  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  [[nodiscard]] bool is_regular() const noexcept { return S_ISREG(status().st_mode); }
  [[nodiscard]] uint64_t size() const noexcept { return static_cast<uint64_t>(status().st_size); }

 private:
  [[nodiscard]] struct stat status() const noexcept {
    struct stat status {};
    static_cast<void>(::fstat(number_, &status));
    return status;
  }

  int number_;
};

}  // namespace cenote
