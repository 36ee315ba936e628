// Messages must be the same however their bytes are split: the first byte of the input says how.
#include <cstdlib>
#include <string>

#include "resolver/net/frame.h"

namespace {

std::string read_in_pieces(cenote::Bytes bytes, size_t piece) {
  cenote::FrameReader frames;
  std::string messages;
  while (!bytes.empty()) {
    // A copy that ends where the piece ends, so that a sanitizer sees any step over it.
    const size_t size = std::min(piece, bytes.size());
    const std::vector<uint8_t> own(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    frames.feed(own);
    while (const auto message = frames.next()) {
      messages.append(cenote::as_text(*message)).push_back('|');
    }
    bytes = bytes.subspan(size);
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) {
    return 0;
  }
  const cenote::Bytes stream{bytes + 1, size - 1};
  if (read_in_pieces(stream, bytes[0] + 1U) != read_in_pieces(stream, SIZE_MAX)) {
    std::abort();
  }
  return 0;
}
