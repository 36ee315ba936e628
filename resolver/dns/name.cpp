#include "resolver/dns/name.h"

#include "resolver/dns/types.h"

namespace cenote {
namespace {

// An honest writer needs one pointer a name. A message may hold 8,000 that lead to each other, and thousands
// of names that begin there: this bounds what such a name costs (CVE-2024-8508 and its like).
constexpr size_t kMaxPointers = kMaxLabels;

// As many bytes as the type has, in small letters. A length is at most 63 and below any letter, so labels may
// pass with theirs.
template <typename Block>
void copy_block(uint8_t* to, const uint8_t* from) noexcept {
  Block bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  const Block letter = bytes - uint8_t{'A'};  // what was below 'A' is far above now
  bytes |= static_cast<Block>(letter < uint8_t{26}) & uint8_t{'a' - 'A'};
  std::memcpy(to, &bytes, sizeof bytes);
}

// REQUIRES: a block's size at least.
template <typename Block>
void copy_blocks(uint8_t* to, const uint8_t* from, size_t size) noexcept {
  const size_t last = size - sizeof(Block);
  for (size_t at = 0; at < last; at += sizeof(Block)) {
    copy_block<Block>(to + at, from + at);
  }
  copy_block<Block>(to + last, from + last);  // some of it once more
}

void copy_lower(uint8_t* to, const uint8_t* from, size_t size) noexcept {
  // Vectors of GCC and Clang, on any machine.
  using Eight [[gnu::vector_size(8)]] = uint8_t;
  using Sixteen [[gnu::vector_size(16)]] = uint8_t;
  if (size >= sizeof(Sixteen)) {
    copy_blocks<Sixteen>(to, from, size);
  } else if (size >= sizeof(Eight)) {
    copy_blocks<Eight>(to, from, size);
  } else {
    std::transform(from, from + size, to, lower);
  }
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

// Appends the labels that stand at `at`, up to a pointer or the root label, and moves `at` behind them.
bool Name::append_labels(Bytes message, size_t& at, size_t& size) noexcept {
  // They stand as they are kept: walked by label, copied as one.
  const size_t start = at;
  const size_t limit = start + kMaxNameBytes - size;
  while (at < message.size() && message[at] != 0 && message[at] <= kMaxLabelBytes) {
    at += size_t{1} + message[at];
    if (at >= limit) {
      return false;
    }
  }
  if (at >= message.size()) {
    return false;
  }
  copy_lower(bytes_.data() + size, message.data() + start, at - start);
  size += at - start;
  return true;
}

// On from a pointer at `at`.
bool Name::follow_pointers(Bytes message, size_t start, size_t at, size_t& size) noexcept {
  size_t lowest = start;  // every pointer must lead below all that was read before
  for (size_t pointers = 0; message[at] != 0; ++pointers) {
    if ((message[at] & 0xC0) != 0xC0 || at + 1 >= message.size() || pointers == kMaxPointers) {
      return false;
    }
    const size_t target = u16_at(message, at) & 0x3FFF;
    if (target >= lowest || target < kHeaderBytes) {
      return false;
    }
    lowest = at = target;
    if (!append_labels(message, at, size)) {
      return false;
    }
  }
  return true;
}

// Not inlined: those who rarely read a name would save all their registers for it each time.
[[gnu::noinline]] bool Name::read(ByteReader& reader, Name& out) noexcept {
  const Bytes message = reader.all();
  const size_t start = reader.offset();
  size_t at = start;
  size_t size = 0;
  bool is_good = reader.ok() && out.append_labels(message, at, size);
  const bool is_whole = is_good && message[at] == 0;  // most are
  is_good = is_whole || (is_good && out.follow_pointers(message, start, at, size));
  if (!is_good) {
    reader.fail();
    size = 0;
  }
  out.bytes_[size] = 0;
  out.size_ = static_cast<uint8_t>(size + 1);
  reader.skip(at + (is_whole ? 1 : 2) - start);
  return is_good;
}

bool Name::is_written(Bytes wire) const noexcept {
  std::array<uint8_t, kMaxNameBytes> lowered;
  if (wire.size() != size_) {
    return false;
  }
  copy_lower(lowered.data(), wire.data(), wire.size());
  return std::memcmp(lowered.data(), bytes_.data(), wire.size()) == 0;
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
