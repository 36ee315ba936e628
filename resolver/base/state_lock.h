// The folder in which a process keeps its state, locked while the process runs: no two write there.
#pragma once

#include <string>
#include <utility>

#include "resolver/base/result.h"

namespace cenote {

// Makes the folder (mode 0700) when it is absent. The error: it is none, or belongs to another user than this
// one and root.
Result<void> make_state_folder(const std::string& folder);

class StateLock {
 public:
  StateLock() = default;  // of no folder
  ~StateLock();
  StateLock(StateLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  StateLock& operator=(StateLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }

  // As make_state_folder(); it is an error, too, when another process has the lock.
  static Result<StateLock> take(const std::string& folder);

  [[nodiscard]] bool is_held() const noexcept { return file_ >= 0; }

 private:
  explicit StateLock(int file) noexcept : file_(file) {}

  int file_ = -1;
};

}  // namespace cenote
