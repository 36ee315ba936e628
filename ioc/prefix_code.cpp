#include "ioc/prefix_code.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace cenote {
namespace {

// The bits of a code in the order in which a reader meets them.
uint16_t reversed(unsigned code, unsigned bits) {
  unsigned result = 0;
  for (unsigned i = 0; i < bits; ++i) {
    result |= ((code >> i) & 1) << (bits - 1 - i);
  }
  return static_cast<uint16_t>(result);
}

// Canonical codes: shorter first, equal lengths in symbol order, so that the lengths alone tell the code.
std::vector<uint16_t> codes_for(std::span<const uint8_t> lengths) {
  std::array<unsigned, kMaxCodeBits + 1> count{};
  for (const uint8_t length : lengths) {
    ++count[length];
  }
  std::array<unsigned, kMaxCodeBits + 1> next{};
  for (size_t bits = 2; bits <= kMaxCodeBits; ++bits) {
    next[bits] = (next[bits - 1] + count[bits - 1]) << 1;
  }
  std::vector<uint16_t> codes(lengths.size());
  for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    if (const uint8_t bits = lengths[symbol]; bits != 0) {
      codes[symbol] = reversed(next[bits]++, bits);
    }
  }
  return codes;
}

// Plain Huffman lengths, which may exceed the limit.
std::vector<uint32_t> huffman_lengths(std::span<const uint64_t> counts) {
  struct Node {
    size_t left, right;
  };
  using Item = std::pair<uint64_t, size_t>;  // weight, node: leaves first
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
  for (size_t symbol = 0; symbol < counts.size(); ++symbol) {
    if (counts[symbol] != 0) {
      queue.emplace(counts[symbol], symbol);
    }
  }
  std::vector<uint32_t> lengths(counts.size(), 0);
  if (queue.size() == 1) {
    lengths[queue.top().second] = 1;
    return lengths;
  }
  std::vector<Node> inner;
  while (queue.size() > 1) {
    const Item a = queue.top();
    queue.pop();
    const Item b = queue.top();
    queue.pop();
    inner.push_back({a.second, b.second});
    queue.emplace(a.first + b.first, counts.size() + inner.size() - 1);
  }
  std::vector<uint32_t> depth(inner.size(), 0);
  for (size_t i = inner.size(); i-- > 0;) {  // parents come after their children
    for (const size_t child : {inner[i].left, inner[i].right}) {
      (child < counts.size() ? lengths[child] : depth[child - counts.size()]) = depth[i] + 1;
    }
  }
  return lengths;
}

}  // namespace

void BitWriter::put(uint32_t value, unsigned count) {
  pending_ |= uint64_t{value} << filled_;
  filled_ += count;
  if (filled_ >= 32) {
    flush(4);
    pending_ >>= 32;
    filled_ -= 32;
  }
}

void BitWriter::align() {
  flush((filled_ + 7) / 8);
  pending_ = 0;
  filled_ = 0;
}

void BitWriter::flush(size_t bytes) {
  std::array<uint8_t, sizeof pending_> word;
  std::memcpy(word.data(), &pending_, sizeof pending_);
  out_.insert(out_.end(), word.begin(), word.begin() + static_cast<ptrdiff_t>(bytes));
}

std::vector<uint8_t> PrefixEncoder::lengths_for(std::span<const uint64_t> counts) {
  const std::vector<uint32_t> unlimited = huffman_lengths(counts);
  std::vector<uint8_t> lengths(counts.size());
  constexpr uint64_t kFull = uint64_t{1} << kMaxCodeBits;
  uint64_t used = 0;  // Kraft's sum in units of the longest code
  for (size_t symbol = 0; symbol < counts.size(); ++symbol) {
    lengths[symbol] = static_cast<uint8_t>(std::min<uint32_t>(unlimited[symbol], kMaxCodeBits));
    used += lengths[symbol] == 0 ? 0 : kFull >> lengths[symbol];
  }
  // Cutting the longest codes took too much room: lengthen the rarest of the others until it fits. At most
  // 256 symbols against 4096 codes, so there is always one to lengthen.
  std::vector<size_t> by_count;
  for (size_t symbol = 0; symbol < counts.size(); ++symbol) {
    if (lengths[symbol] != 0) {
      by_count.push_back(symbol);
    }
  }
  std::sort(by_count.begin(), by_count.end(),
            [&](size_t a, size_t b) { return std::pair(counts[a], a) < std::pair(counts[b], b); });
  while (used > kFull) {
    for (const size_t symbol : by_count) {
      if (lengths[symbol] < kMaxCodeBits) {
        used -= kFull >> (lengths[symbol] + 1);
        ++lengths[symbol];
        break;
      }
    }
  }
  return lengths;
}

PrefixEncoder::PrefixEncoder(std::span<const uint8_t> lengths) {
  const std::vector<uint16_t> codes = codes_for(lengths);
  codes_.resize(lengths.size());
  for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    codes_[symbol] = {codes[symbol], lengths[symbol]};
  }
}

bool PrefixDecoder::build(Bytes lengths) {
  uint64_t used = 0;
  for (const uint8_t length : lengths) {
    if (length > kMaxCodeBits) {
      return false;
    }
    used += length == 0 ? 0 : uint64_t{kTableSize} >> length;
  }
  if (used > kTableSize || lengths.size() >= kNoSymbol) {
    return false;
  }
  table_.fill(static_cast<uint16_t>(kNoSymbol << 4 | 1));
  const std::vector<uint16_t> codes = codes_for(lengths);
  for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    const unsigned bits = lengths[symbol];
    if (bits == 0) {
      continue;
    }
    for (size_t i = codes[symbol]; i < kTableSize; i += size_t{1} << bits) {
      table_[i] = static_cast<uint16_t>(symbol << 4 | bits);
    }
  }
  return true;
}

CodedText::CodedText(const PrefixEncoder& encoder, Bytes text) noexcept {
  uint64_t* to = pieces_.data();
  uint64_t piece = 0;
  unsigned filled = 0;
  for (const uint8_t byte : text) {
    const PrefixEncoder::Code code = encoder.code(byte);
    if (code.length == 0) {
      has_code_ = false;
      return;
    }
    piece |= uint64_t{code.bits} << filled;
    filled += code.length;
    if (filled >= kPieceBits) {
      *to++ = piece & kPieceMask;
      filled -= kPieceBits;
      piece = uint64_t{code.bits} >> (code.length - filled);
    }
  }
  *to = piece;
  bits_ = static_cast<size_t>(to - pieces_.data()) * kPieceBits + filled;
}

}  // namespace cenote
