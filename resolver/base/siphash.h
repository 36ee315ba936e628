// SipHash-2-4 (Aumasson and Bernstein, 2012): a short keyed hash that nobody without the key can predict.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "resolver/base/bytes.h"

namespace cenote {

using SipKey = std::array<uint8_t, 16>;

namespace detail {

inline uint64_t load_le64(const uint8_t* at) noexcept {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) {
    value = (value << 8) | at[i];
  }
  return value;
}

struct SipState {
  uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace detail

// The result's bytes in little-endian order are what the paper calls the output.
inline uint64_t siphash24(const SipKey& key, Bytes data) noexcept {
  const uint64_t k0 = detail::load_le64(key.data());
  const uint64_t k1 = detail::load_le64(key.data() + 8);
  detail::SipState state{0x736f6d6570736575ULL ^ k0, 0x646f72616e646f6dULL ^ k1, 0x6c7967656e657261ULL ^ k0,
                         0x7465646279746573ULL ^ k1};
  const size_t whole = data.size() / 8 * 8;
  for (size_t at = 0; at < whole; at += 8) {
    state.take(detail::load_le64(data.data() + at));
  }
  uint64_t last = uint64_t{data.size() & 0xFF} << 56;
  for (size_t i = whole; i < data.size(); ++i) {
    last |= uint64_t{data[i]} << (8 * (i - whole));
  }
  state.take(last);
  state.v2 ^= 0xFF;
  for (int i = 0; i < 4; ++i) {
    state.round();
  }
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace cenote
