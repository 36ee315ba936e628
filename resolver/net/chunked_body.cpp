#include "resolver/net/chunked_body.h"

#include <algorithm>

namespace cenote {
namespace {

constexpr unsigned kMostDigits = 15;  // 60 bits: cannot overflow, and is beyond every limit

bool is_text(char c) noexcept {
  return c == '\t' || (c >= 0x20 && c != 0x7F) || c < 0;
}

}  // namespace

ChunkedBody::State ChunkedBody::read(std::string_view& input, std::string& body) {
  State state = State::kMore;
  while (!input.empty() && state == State::kMore) {
    if (expect_ == Expect::kContent) {
      const auto piece = input.substr(0, static_cast<size_t>(std::min<uint64_t>(size_, input.size())));
      body += piece;
      input.remove_prefix(piece.size());
      size_ -= piece.size();
      expect_ = size_ == 0 ? Expect::kContentCr : Expect::kContent;
      continue;
    }
    state = step(input.front());
    input.remove_prefix(1);
  }
  return state;
}

ChunkedBody::State ChunkedBody::step(char c) {
  const auto go = [this](bool good, Expect next) {
    expect_ = next;
    return good ? State::kMore : State::kBad;
  };
  const auto skip = [this, c] { return is_text(c) && skippable_-- > 0 ? State::kMore : State::kBad; };
  switch (expect_) {
    case Expect::kFirstDigit:
      size_ = 0;
      digits_ = 0;
      return take_digit(c);
    case Expect::kDigit:
      if (c == '\r') {
        return go(true, Expect::kSizeLf);
      }
      return c == ';' ? go(true, Expect::kExtension) : take_digit(c);
    case Expect::kExtension:
      return c == '\r' ? go(true, Expect::kSizeLf) : skip();
    case Expect::kSizeLf:
      if (size_ > room_) {
        return State::kTooLarge;
      }
      room_ -= static_cast<size_t>(size_);
      return go(c == '\n', size_ == 0 ? Expect::kTrailerLine : Expect::kContent);
    case Expect::kContent:
      break;
    case Expect::kContentCr:
      return go(c == '\r', Expect::kContentLf);
    case Expect::kContentLf:
      return go(c == '\n', Expect::kFirstDigit);
    case Expect::kTrailerLine:
      expect_ = c == '\r' ? Expect::kLastLf : Expect::kTrailer;
      return c == '\r' ? State::kMore : skip();
    case Expect::kTrailer:
      return c == '\r' ? go(true, Expect::kTrailerLf) : skip();
    case Expect::kTrailerLf:
      return go(c == '\n', Expect::kTrailerLine);
    case Expect::kLastLf:
      expect_ = Expect::kNothing;
      return c == '\n' ? State::kDone : State::kBad;
    case Expect::kNothing:
      break;
  }
  return State::kBad;
}

ChunkedBody::State ChunkedBody::take_digit(char c) {
  const char lower = static_cast<char>(c | 0x20);
  const bool is_decimal = c >= '0' && c <= '9';
  if ((!is_decimal && (lower < 'a' || lower > 'f')) || ++digits_ > kMostDigits) {
    return State::kBad;
  }
  size_ = size_ * 16 + static_cast<uint64_t>(is_decimal ? c - '0' : lower - 'a' + 10);
  expect_ = Expect::kDigit;
  return State::kMore;
}

}  // namespace cenote
