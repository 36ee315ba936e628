// DNS over TCP framing (RFC 1035 section 4.2.2): two bytes of length, then the message. Bytes in, messages
// out; no I/O. One FrameReader per connection and direction, on the connection's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "resolver/base/bytes.h"

namespace cenote {

inline constexpr size_t kFrameHeaderSize = 2;
inline constexpr size_t kMaxFrameMessage = 65535;

// Gives back whole messages, however the bytes were split. A message that lies whole within one feed() is not
// copied. Holds at most one unfinished message, 64 KiB.
//
//   frames.feed(bytes);
//   while (auto message = frames.next()) { ... }
class FrameReader {
 public:
  // REQUIRES: next() has returned nullopt, or the rest was taken, since the last feed().
  void feed(Bytes bytes) noexcept { input_ = bytes; }

  // The next whole message (it may be empty); nullopt: more bytes are needed. The span holds until the next
  // call of feed() or next(), and no longer than the bytes that were fed.
  std::optional<Bytes> next();

  // What was fed and has not been looked at: whoever stops before next() gave nullopt keeps it and feeds it
  // again later.
  Bytes take_rest() noexcept { return std::exchange(input_, Bytes{}); }

  // Bytes of an unfinished message are held: at the end of the stream this means that it was cut short.
  [[nodiscard]] bool is_mid_message() const noexcept { return !partial_.empty() && !given_; }

 private:
  size_t gather(size_t wanted);

  Bytes input_;
  std::vector<uint8_t> partial_;  // length and as much of the message as came
  bool given_ = false;            // partial_ was handed out and is free to be reused
};

// The two bytes that go before a message. REQUIRES: size <= kMaxFrameMessage.
inline void write_frame_header(ByteWriter& out, size_t size) noexcept {
  out.u16(static_cast<uint16_t>(size));
}

}  // namespace cenote
