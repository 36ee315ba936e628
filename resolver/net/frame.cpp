#include "resolver/net/frame.h"

#include <algorithm>

namespace cenote {

std::optional<Bytes> FrameReader::next() {
  if (given_) {
    partial_.clear();
    given_ = false;
  }
  if (partial_.empty()) {
    ByteReader reader(input_);
    const Bytes message = reader.bytes(reader.u16());
    if (reader.ok()) {
      input_ = input_.subspan(reader.offset());
      return message;
    }
  }
  if (gather(kFrameHeaderSize) < kFrameHeaderSize) {
    return std::nullopt;
  }
  const size_t whole = kFrameHeaderSize + ByteReader(partial_).u16();
  if (gather(whole) < whole) {
    return std::nullopt;
  }
  given_ = true;
  return Bytes(partial_).subspan(kFrameHeaderSize);
}

// Moves input to the unfinished message until that has `wanted` bytes; returns how many it has.
size_t FrameReader::gather(size_t wanted) {
  if (partial_.size() < wanted) {
    const Bytes taken = input_.first(std::min(wanted - partial_.size(), input_.size()));
    partial_.insert(partial_.end(), taken.begin(), taken.end());
    input_ = input_.subspan(taken.size());
  }
  return partial_.size();
}

}  // namespace cenote
