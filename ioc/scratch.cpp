#include "ioc/scratch.h"

#include <algorithm>

#include "resolver/base/log.h"

namespace cenote {

void Scratch::write_out() {
  if (is_good_ && !file_) {
    if (auto file = TemporaryFile::create(folder_)) {
      file_.emplace(std::move(*file));
    } else {
      log::error("{}", file.error().message);
      is_good_ = false;
    }
  }
  if (is_good_) {
    if (const Result<void> appended = file_->append(memory_); !appended) {
      log::error("{}", appended.error().message);
      is_good_ = false;
    }
  }
  written_ += memory_.size();
  memory_.clear();
}

Bytes Scratch::read(uint64_t at, MutableBytes room) const {
  if (at >= written_) {
    return Bytes(memory_).subspan(std::min<uint64_t>(at - written_, memory_.size()));
  }
  if (!is_good_) {
    return {};
  }
  const size_t most = std::min<uint64_t>(room.size(), written_ - at);
  const auto got = file_->read_at(at, room.first(most));
  if (!got || *got == 0) {
    log::error("{}", got ? file_->path() + ": cut short" : got.error().message);
    is_good_ = false;
    return {};
  }
  return room.first(*got);
}

}  // namespace cenote
