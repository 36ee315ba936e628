#include "ioc/name_key.h"

#include <algorithm>
#include <optional>

namespace cenote {
namespace {

constexpr uint8_t kEndOfLabel = 0;
constexpr uint8_t kEscape = 1;

}  // namespace

NameKey::NameKey(const Name& name) noexcept : NameKey(name, NameLabels(name)) {}

NameKey::NameKey(const Name& name, const NameLabels& labels) noexcept {
  const Bytes wire = name.wire();
  ends_[0] = 0;
  for (size_t i = labels.count(); i-- > 0;) {
    const size_t at = labels.offset(i);
    add_label(wire.subspan(at + 1, wire[at]));
    ends_[labels.count() - i] = size_;
  }
}

void NameKey::add_label(Bytes label) noexcept {
  uint8_t* to = bytes_.data() + size_;  // and not the member itself, which each byte would write
  for (const uint8_t byte : label) {
    if (byte <= kEscape) {
      *to++ = kEscape;
      *to++ = static_cast<uint8_t>(byte + 1);
    } else {
      *to++ = byte;
    }
  }
  *to++ = kEndOfLabel;
  size_ = static_cast<uint16_t>(to - bytes_.data());
}

bool name_from_key(Bytes key, Name& out) noexcept {
  std::array<uint8_t, kMaxNameBytes> wire;
  size_t front = wire.size() - 1;  // labels are laid from the end of the buffer towards its front
  wire[front] = 0;
  size_t at = 0;
  while (at < key.size()) {
    std::array<uint8_t, kMaxLabelBytes> label;
    size_t size = 0;
    for (; at < key.size() && key[at] != kEndOfLabel; ++at) {
      uint8_t byte = key[at];
      if (byte == kEscape) {
        if (++at == key.size() || key[at] == 0 || key[at] > 2) {
          return false;
        }
        byte = static_cast<uint8_t>(key[at] - 1);
      }
      if (size == kMaxLabelBytes) {
        return false;
      }
      label[size++] = byte;
    }
    if (at == key.size() || size == 0 || size + 1 > front) {
      return false;
    }
    ++at;  // the end of the label
    front -= size + 1;
    wire[front] = static_cast<uint8_t>(size);
    std::copy_n(label.begin(), size, wire.begin() + static_cast<std::ptrdiff_t>(front) + 1);
  }
  const std::optional<Name> name = Name::from_wire(Bytes(wire).subspan(front));
  if (!name) {
    return false;
  }
  out = *name;
  return true;
}

size_t key_labels(Bytes key) noexcept {
  return static_cast<size_t>(std::count(key.begin(), key.end(), kEndOfLabel));
}

}  // namespace cenote
