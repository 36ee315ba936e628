#include "ioc/sorted_names.h"

#include <algorithm>

namespace cenote {
namespace {

constexpr size_t kMostNumberBytes = 5;  // 33 bits, 7 of them a byte

uint8_t* put_number(uint8_t* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    *out++ = static_cast<uint8_t>(value | 0x80);
  }
  *out++ = static_cast<uint8_t>(value);
  return out;
}

}  // namespace

void SortedNamesWriter::put(Bytes key, std::span<const uint32_t> numbers) {
  const size_t most = std::min(key.size(), last_size_);
  size_t shared = 0;
  while (shared < most && key[shared] == last_[shared]) {
    ++shared;
  }
  const Bytes tail = key.subspan(shared);
  std::array<uint8_t, kMaxKeyBytes + 2 * kMostNumberBytes> room;
  uint8_t* at = put_number(put_number(room.data(), shared), tail.size());
  at = std::copy(tail.begin(), tail.end(), at);
  out_.append({room.data(), at});
  for (size_t i = 0; i < numbers.size(); ++i) {
    const uint64_t goes_on = i + 1 < numbers.size() ? 1 : 0;
    out_.append({room.data(), put_number(room.data(), uint64_t{numbers[i]} << 1 | goes_on)});
  }
  std::copy(tail.begin(), tail.end(), last_.begin() + static_cast<ptrdiff_t>(shared));
  last_size_ = key.size();
}

SortedNamesReader::SortedNamesReader(const Scratch& bytes, uint64_t begin, uint64_t end, size_t buffer)
    : bytes_(&bytes), at_(begin), end_(end), buffer_(std::max(buffer, 2 * kMaxKeyBytes)) {}

// Whether so many bytes can be taken; near the end of all, whether any can.
bool SortedNamesReader::has(size_t size) {
  while (window_.size() < size && at_ < end_) {
    std::copy(window_.begin(), window_.end(), buffer_.begin());
    const size_t held = window_.size();
    const Bytes more = bytes_->read(at_, MutableBytes(buffer_).subspan(held));
    if (more.empty()) {
      return false;
    }
    const Bytes used = more.first(std::min<uint64_t>(more.size(), end_ - at_));
    at_ += used.size();
    if (held == 0) {
      window_ = used;  // in memory it is read where it stands
    } else if (used.data() == buffer_.data() + held) {
      window_ = {buffer_.data(), held + used.size()};
    } else {  // the rest is in memory, what came before it was not
      buffer_.resize(held + used.size());
      std::copy(used.begin(), used.end(), buffer_.begin() + static_cast<ptrdiff_t>(held));
      window_ = buffer_;
    }
  }
  return !window_.empty();
}

// REQUIRES: it is there whole.
uint64_t SortedNamesReader::number() noexcept {
  uint64_t value = 0;
  size_t i = 0;
  for (unsigned shift = 0; i < window_.size(); shift += 7) {
    const uint8_t byte = window_[i++];
    value |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) {
      break;
    }
  }
  window_ = window_.subspan(i);
  return value;
}

bool SortedNamesReader::next() {
  if (!has(kMaxKeyBytes + 2 * kMostNumberBytes)) {
    return false;
  }
  const auto shared = static_cast<size_t>(number());
  const auto size = static_cast<size_t>(number());
  if (shared > key_size_ || size > std::min(kMaxKeyBytes - shared, window_.size())) {
    bytes_->spoil();
    return false;
  }
  std::copy_n(window_.begin(), size, key_.begin() + static_cast<ptrdiff_t>(shared));
  window_ = window_.subspan(size);
  key_size_ = shared + size;
  numbers_.clear();
  uint64_t value = 1;
  while ((value & 1) != 0) {
    if (!has(kMostNumberBytes)) {
      return false;
    }
    value = number();
    numbers_.push_back(static_cast<uint32_t>(value >> 1));
  }
  return true;
}

}  // namespace cenote
