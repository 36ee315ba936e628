// Decodes the chunked transfer coding (RFC 9112 section 7.1), byte by byte and strictly: CRLF and nothing
// else ends a line, a size is hexadecimal digits alone. Extensions and trailers are skipped, within a limit.
// No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cenote {

class ChunkedBody {
 public:
  enum class State : uint8_t { kMore, kDone, kBad, kTooLarge };

  // `body_limit` for what is decoded, `skipped_limit` for all extensions and trailers together.
  ChunkedBody(size_t body_limit, size_t skipped_limit) noexcept
      : room_(body_limit), skippable_(skipped_limit) {}

  // Takes from `input` what belongs to the body (it may end before the input does) and appends it to `body`.
  State read(std::string_view& input, std::string& body);

 private:
  enum class Expect : uint8_t {
    kFirstDigit,
    kDigit,
    kExtension,
    kSizeLf,
    kContent,
    kContentCr,
    kContentLf,
    kTrailerLine,
    kTrailer,
    kTrailerLf,
    kLastLf,
    kNothing
  };

  State step(char c);
  State take_digit(char c);

  size_t room_;
  size_t skippable_;
  uint64_t size_ = 0;  // of the current chunk; what is left of it, in kContent
  unsigned digits_ = 0;
  Expect expect_ = Expect::kFirstDigit;
};

}  // namespace cenote
