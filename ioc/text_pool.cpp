#include "ioc/text_pool.h"

#include <limits>

#include <xxhash.h>

namespace cenote {

TextPool::TextPool() : offsets_{0, 0}, slots_(64, 0) {}

size_t TextPool::slot_of(std::string_view text) const noexcept {
  const size_t mask = slots_.size() - 1;
  size_t slot = XXH3_64bits(text.data(), text.size()) & mask;
  while (slots_[slot] != 0 && at(slots_[slot]) != text) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

uint32_t TextPool::intern(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  const size_t slot = slot_of(text);
  if (slots_[slot] != 0) {
    return slots_[slot];
  }
  if (text.size() > std::numeric_limits<uint32_t>::max() - bytes_.size()) {
    return 0;  // 4 GiB of reasons: what comes now goes without
  }
  const auto id = static_cast<uint32_t>(size());
  bytes_ += text;
  offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
  slots_[slot] = id;
  if (size() * 2 > slots_.size()) {
    grow();
  }
  return id;
}

void TextPool::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (uint32_t id = 1; id < size(); ++id) {
    slots_[slot_of(at(id))] = id;
  }
}

}  // namespace cenote
