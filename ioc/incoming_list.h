// A feed's list on its way in: its bytes go to a file beside the store as they come, so that a large list is
// never held in memory. The file goes with its owner unless it was given a place.
//
//   STATE_DIR/incoming/XXXXXX   removed at the next start when the process dies
//
// Threads: one at a time, any.
#pragma once

#include <memory>
#include <string>

#include "ioc/content_hash.h"
#include "ioc/temporary_file.h"
#include "resolver/base/result.h"

namespace cenote {

constexpr uint64_t kMostIncomingBytes = uint64_t{1} << 30;  // as it came

class IncomingList {
 public:
  // REQUIRES: the folder is there.
  static Result<std::shared_ptr<IncomingList>> create(const std::string& folder);
  static Result<std::shared_ptr<IncomingList>> copy_of(const std::string& file, const std::string& folder);
  Result<void> append(Bytes piece);
  [[nodiscard]] std::string id() const { return hash_.id(); }  // as Store::content_id() of all that came
  [[nodiscard]] uint64_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }

  // The list stays, under this name, on the disk. Nothing is appended after it.
  Result<void> keep_as(const std::string& path, Durability durability) {
    return file_.keep_as(path, durability);
  }

 private:
  explicit IncomingList(TemporaryFile file) : file_(std::move(file)) {}

  TemporaryFile file_;
  uint64_t size_ = 0;
  ContentHash hash_;
};

}  // namespace cenote
