// A file that is written by and by and is gone with its owner, unless it was given a place. What a process
// that died left in its folder is removed at the next start.
//
// Threads: one at a time, any.
#pragma once

#include <string>
#include <utility>

#include "ioc/durable_file.h"
#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

class TemporaryFile {
 public:
  // REQUIRES: the folder is there.
  static Result<TemporaryFile> create(const std::string& folder);
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        is_kept_(other.is_kept_) {}
  TemporaryFile& operator=(TemporaryFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(is_kept_, other.is_kept_);
    return *this;
  }

  Result<void> append(Bytes piece);
  Result<void> write_at(uint64_t at, Bytes bytes) const;
  [[nodiscard]] Result<size_t> read_at(uint64_t at, MutableBytes room) const;  // 0: behind the end
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // The file stays, under this name, in place of what was there; kDurable: on the disk when it returns.
  Result<void> keep_as(const std::string& path, Durability durability);

 private:
  TemporaryFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
  bool is_kept_ = false;
};

}  // namespace cenote
