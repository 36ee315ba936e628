#include "resolver/dns/name.h"

#include "resolver/dns/types.h"

namespace cenote {
namespace {

// An honest writer needs one pointer a name. A message may hold 8,000 that lead to each other, and thousands
// of names that begin there: this bounds what such a name costs (CVE-2024-8508 and its like).
constexpr size_t kMaxPointers = kMaxLabels;

// Eight bytes in small letters. A length is at most 63 and below any letter, so labels may pass with theirs.
uint64_t lower_each(uint64_t bytes) noexcept {
  constexpr uint64_t kEach = 0x0101010101010101;
  const uint64_t low = bytes & (0x7F * kEach);
  const uint64_t from_a = low + ((0x80 - 'A') * kEach);        // the top bit of a byte: it is 'A' or above
  const uint64_t beyond_z = low + ((0x80 - 'Z' - 1) * kEach);  // it is above 'Z'
  const uint64_t capital = (from_a ^ beyond_z) & ~bytes & (0x80 * kEach);
  return bytes | (capital >> 2);  // 0x20 lies between a letter and its capital
}

void copy_lower(uint8_t* to, const uint8_t* from, size_t size) noexcept {
  constexpr size_t kStep = sizeof(uint64_t);
  const auto copy_step = [&](size_t at) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, from + at, kStep);
    bytes = lower_each(bytes);
    std::memcpy(to + at, &bytes, kStep);
  };
  if (size < kStep) {
    std::transform(from, from + size, to, lower);
    return;
  }
  for (size_t at = 0; at < size - kStep; at += kStep) {
    copy_step(at);
  }
  copy_step(size - kStep);  // some of it once more
}

// What stands in a name's text as it is, of what names are made of.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789-_")) {
    plain[static_cast<uint8_t>(c)] = true;
  }
  return plain;
}();

}  // namespace

std::optional<Name> Name::from_text(std::string_view text) noexcept {
  if (text == ".") {
    return Name{};
  }
  Name name;
  size_t length_at = 0;  // where the current label's length byte stands
  size_t size = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<uint8_t>(text[i]);
    if (byte == '.') {
      if (size == length_at + 1) {
        return std::nullopt;
      }
      name.bytes_[length_at] = static_cast<uint8_t>(size - length_at - 1);
      length_at = size++;
      if (size > kMaxNameBytes) {
        return std::nullopt;
      }
      continue;
    }
    if (byte == '\\') {
      if (++i >= text.size()) {
        return std::nullopt;
      }
      byte = static_cast<uint8_t>(text[i]);
      const auto is_digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
      if (is_digit(i)) {
        if (!is_digit(i + 1) || !is_digit(i + 2)) {
          return std::nullopt;
        }
        const int value = (text[i] - '0') * 100 + (text[i + 1] - '0') * 10 + (text[i + 2] - '0');
        if (value > 255) {
          return std::nullopt;
        }
        byte = static_cast<uint8_t>(value);
        i += 2;
      }
    }
    // One byte stays free for the root label.
    if (size - length_at > kMaxLabelBytes || size >= kMaxNameBytes - 1) {
      return std::nullopt;
    }
    name.bytes_[size++] = lower(byte);
  }
  if (size == length_at + 1) {  // ended with a dot, or nothing there at all
    if (length_at == 0) {
      return std::nullopt;
    }
    name.bytes_[length_at] = 0;
    name.size_ = static_cast<uint8_t>(size);
    return name;
  }
  name.bytes_[length_at] = static_cast<uint8_t>(size - length_at - 1);
  name.bytes_[size++] = 0;
  name.size_ = static_cast<uint8_t>(size);
  return name;
}

std::optional<Name> Name::from_wire(Bytes wire) noexcept {
  Name name;
  ByteReader reader(wire);
  size_t size = 0;
  while (true) {
    const uint8_t length = reader.u8();
    if (!reader.ok() || length > kMaxLabelBytes || size + 1 + length > kMaxNameBytes) {
      return std::nullopt;
    }
    name.bytes_[size++] = length;
    if (length == 0) {
      break;
    }
    for (const uint8_t byte : reader.bytes(length)) {
      name.bytes_[size++] = lower(byte);
    }
    if (!reader.ok()) {
      return std::nullopt;
    }
  }
  if (reader.remaining() != 0) {
    return std::nullopt;
  }
  name.size_ = static_cast<uint8_t>(size);
  return name;
}

bool Name::read(ByteReader& reader, Name& out) noexcept {
  const Bytes message = reader.all();
  const auto violation = [&] {
    reader.fail();
    out.bytes_[0] = 0;
    out.size_ = 1;
    return false;
  };
  if (!reader.ok()) {
    return violation();
  }
  size_t at = reader.offset();
  size_t lowest = at;  // every pointer must lead below all that was read before
  size_t behind = 0;   // where the reader goes on: behind the first pointer, or behind the root label
  size_t pointers = 0;
  size_t size = 0;
  while (true) {
    // Up to a pointer or the root label the bytes stand as they are kept: walked by label, copied as one.
    const size_t start = at;
    uint8_t length = 0;
    while (at < message.size() && (length = message[at]) != 0 && length <= kMaxLabelBytes) {
      at += size_t{1} + length;
      if (size + (at - start) >= kMaxNameBytes) {
        return violation();
      }
    }
    if (at >= message.size()) {
      return violation();
    }
    copy_lower(out.bytes_.data() + size, message.data() + start, at - start);
    size += at - start;
    if (length == 0) {
      out.bytes_[size++] = 0;
      ++at;
      break;
    }
    if ((length & 0xC0) != 0xC0 || at + 1 >= message.size()) {
      return violation();
    }
    const size_t target = (static_cast<size_t>(length & 0x3F) << 8) | message[at + 1];
    if (behind == 0) {
      behind = at + 2;
    }
    if (target >= lowest || target < kHeaderBytes || ++pointers > kMaxPointers) {
      return violation();
    }
    lowest = at = target;
  }
  out.size_ = static_cast<uint8_t>(size);
  reader.skip((behind == 0 ? at : behind) - reader.offset());
  return true;
}

size_t Name::label_count() const noexcept {
  size_t count = 0;
  for (size_t at = 0; bytes_[at] != 0; at += size_t{1} + bytes_[at]) {
    ++count;
  }
  return count;
}

std::string Name::to_text() const {
  return std::string(NameText(*this).view());
}

NameText::NameText(Bytes wire) noexcept {
  if (wire.size() == 1) {
    text_[size_++] = '.';
    return;
  }
  size_t size = 0;  // and not the member, which each byte would write
  for (size_t at = 0; wire[at] != 0; at += size_t{1} + wire[at]) {
    if (at != 0) {
      text_[size++] = '.';
    }
    const size_t end = at + wire[at];
    for (size_t i = at + 1; i <= end; ++i) {
      if (kPlain[wire[i]]) {
        text_[size++] = static_cast<char>(wire[i]);
        continue;
      }
      size_ = size;
      add(wire[i]);
      size = size_;
    }
  }
  size_ = size;
}

void NameText::add(uint8_t byte) noexcept {
  const auto c = static_cast<char>(byte);
  const bool is_shown = byte > 0x20 && byte < 0x7F;
  // What RFC 1035 section 5.1 gives a meaning in a zone file.
  constexpr std::string_view kSpecial = ".\\\";@$()";
  if (!is_shown || kSpecial.find(c) != std::string_view::npos) {
    text_[size_++] = '\\';
  }
  if (is_shown) {
    text_[size_++] = c;
    return;
  }
  for (const int unit : {100, 10, 1}) {
    text_[size_++] = static_cast<char>('0' + byte / unit % 10);
  }
}

Bytes last_labels(Bytes wire, size_t labels) noexcept {
  size_t more = 0;
  for (size_t at = 0; wire[at] != 0; at += size_t{1} + wire[at]) {
    ++more;
  }
  size_t from = 0;
  for (; more > labels; --more) {
    from += size_t{1} + wire[from];
  }
  return wire.subspan(from);
}

Name Name::suffix(size_t labels) const noexcept {
  const Bytes wire = last_labels(this->wire(), labels);
  Name tail;
  tail.size_ = static_cast<uint8_t>(wire.size());
  std::copy(wire.begin(), wire.end(), tail.bytes_.begin());
  return tail;
}

bool Name::is_below_tail(const Name& ancestor) const noexcept {
  const size_t from = size_t{size_} - ancestor.size_;
  if (!std::equal(bytes_.begin() + static_cast<ptrdiff_t>(from), bytes_.begin() + size_,
                  ancestor.bytes_.begin())) {
    return false;
  }
  size_t at = 0;
  while (at < from) {
    at += size_t{1} + bytes_[at];
  }
  return at == from;
}

bool Name::prepend_label(std::string_view label) noexcept {
  if (label.empty() || label.size() > kMaxLabelBytes || size_ + label.size() + 1 > kMaxNameBytes) {
    return false;
  }
  std::copy_backward(bytes_.begin(), bytes_.begin() + size_,
                     bytes_.begin() + static_cast<ptrdiff_t>(size_ + label.size() + 1));
  bytes_[0] = static_cast<uint8_t>(label.size());
  for (size_t i = 0; i < label.size(); ++i) {
    bytes_[i + 1] = lower(static_cast<uint8_t>(label[i]));
  }
  size_ = static_cast<uint8_t>(size_ + label.size() + 1);
  return true;
}

NameLabels::NameLabels(const Name& name) noexcept {
  size_t at = 0;
  for (; name.bytes_[at] != 0; at += size_t{1} + name.bytes_[at]) {
    offsets_[count_++] = static_cast<uint8_t>(at);
  }
  offsets_[count_] = static_cast<uint8_t>(at);
}

}  // namespace cenote
