// Bytes that a build writes once and then reads in order: in memory as long as they are few, else in a file
// beside the store. What is in the file is the kernel's to keep or to write out, and no part of what the
// process holds.
//
// Threads: one at a time; any number of readers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ioc/temporary_file.h"
#include "resolver/base/bytes.h"

namespace cenote {

class Scratch {
 public:
  Scratch() = default;  // all of it stays in memory
  explicit Scratch(std::string folder) : folder_(std::move(folder)) {}

  void append(Bytes bytes) {
    memory_.insert(memory_.end(), bytes.begin(), bytes.end());
    if (memory_.size() >= kMostInMemory && !folder_.empty()) {
      write_out();
    }
  }
  [[nodiscard]] uint64_t size() const noexcept { return written_ + memory_.size(); }
  // The bytes from here on: all of them where they are in memory, else as many as fit into `room`. Empty
  // behind the end, and when they cannot be read.
  [[nodiscard]] Bytes read(uint64_t at, MutableBytes room) const;
  void clear() noexcept {  // and nothing is appended any more
    file_.reset();
    written_ = 0;
    memory_ = {};
  }
  // False once something could not be written or read: what was read since is not all.
  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  void spoil() const noexcept { is_good_ = false; }  // what was read cannot be what was written

 private:
  static constexpr size_t kMostInMemory = 256 * 1024;
  void write_out();

  std::string folder_;
  std::optional<TemporaryFile> file_;
  uint64_t written_ = 0;
  std::vector<uint8_t> memory_;  // what stands behind that
  mutable bool is_good_ = true;
};

}  // namespace cenote
