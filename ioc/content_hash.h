// The name of a list in the store: a hash over its bytes, whole or piece by piece.
#pragma once

#include <memory>
#include <string>

#include <fmt/format.h>
#include <xxhash.h>

#include "resolver/base/bytes.h"

namespace cenote {

class ContentHash {
 public:
  ContentHash() : state_(XXH3_createState(), &XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  void add(Bytes piece) noexcept { XXH3_128bits_update(state_.get(), piece.data(), piece.size()); }
  [[nodiscard]] std::string id() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

}  // namespace cenote
