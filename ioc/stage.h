// A step on the way of a feed's bytes: inflate, decode, recognise, read. Each owns its state and pushes into
// the next; an error stops them all and refuses the feed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "resolver/base/result.h"

namespace cenote {

class Stage {
 public:
  virtual ~Stage() = default;
  virtual Result<void> feed(std::string_view bytes) = 0;
  virtual Result<void> finish() = 0;
};

// gzip and zstd by their magic, everything else as it is. Refuses what inflates to more than `most` bytes or
// to more than kMaxInflateRatio times its size.
constexpr uint64_t kMaxInflateRatio = 200;
std::unique_ptr<Stage> make_inflater(Stage& next, uint64_t most);

// Any encoding in, UTF-8 out (bytes that cannot be decoded become U+FFFD, except in UTF-8 itself: there they
// stay, and the line that holds them is judged by its fields). One leading byte order mark is dropped.
// `encoding` empty: UTF-16 when it begins with that mark, else UTF-8. An error: no such encoding.
Result<std::unique_ptr<Stage>> make_decoder(Stage& next, const std::string& encoding);

}  // namespace cenote
