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
#include "resolver/base/result.h"

namespace cenote {

constexpr uint64_t kMostIncomingBytes = uint64_t{1} << 30;  // as it came

class IncomingList {
 public:
  // REQUIRES: the folder is there.
  static Result<std::shared_ptr<IncomingList>> create(const std::string& folder);
  static Result<std::shared_ptr<IncomingList>> copy_of(const std::string& file, const std::string& folder);
  ~IncomingList();
  IncomingList(const IncomingList&) = delete;
  IncomingList& operator=(const IncomingList&) = delete;

  Result<void> append(Bytes piece);
  [[nodiscard]] std::string id() const { return hash_.id(); }  // as Store::content_id() of all that came
  [[nodiscard]] uint64_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // The list stays, under this name, on the disk. Nothing is appended after it.
  Result<void> keep_as(const std::string& path);

 private:
  IncomingList(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
  bool is_kept_ = false;
  uint64_t size_ = 0;
  ContentHash hash_;
};

}  // namespace cenote
