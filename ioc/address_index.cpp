#include "ioc/address_index.h"

#include <algorithm>
#include <tuple>

namespace cenote {
namespace {

enum Section : uint32_t { kV4Section = 0x200, kV6Section };

using Number = AddressIndex::Number;
using Row = AddressIndex::Row;
static_assert(sizeof(Row) == 32);

// Whether the first `length` of `bits` bits are the same.
bool shares_prefix(const Number& a, const Number& b, uint64_t length, unsigned bits) noexcept {
  if (length > bits) {
    return false;  // only in a damaged image
  }
  const uint64_t free = bits - length;  // low bits that may differ
  const uint64_t high = a.high ^ b.high;
  const uint64_t low = a.low ^ b.low;
  if (free >= 128) {
    return true;
  }
  return free >= 64 ? (high >> (free - 64)) == 0 : high == 0 && (low >> free) == 0;
}

IpAddress address_of(const Number& number, bool is_v4) noexcept {
  if (is_v4) {
    std::array<uint8_t, 4> bytes;
    for (size_t i = 0; i < 4; ++i) {
      bytes[i] = static_cast<uint8_t>(number.low >> (24 - 8 * i));
    }
    return IpAddress::v4(bytes);
  }
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>(number.high >> (56 - 8 * i));
    bytes[i + 8] = static_cast<uint8_t>(number.low >> (56 - 8 * i));
  }
  return IpAddress::v6(bytes);
}

}  // namespace

AddressIndex::Number number_of(const IpAddress& address) noexcept {
  Number number;
  for (const uint8_t byte : address.bytes()) {
    number.high = number.high << 8 | number.low >> 56;
    number.low = number.low << 8 | byte;
  }
  return number;
}

bool is_before(const Prefix& a, const Prefix& b) noexcept {
  const auto order = [](const Prefix& prefix) {
    return std::tuple(!prefix.address.is_v4(), number_of(prefix.address), prefix.length);
  };
  return order(a) < order(b);
}

Result<std::unique_ptr<const AddressIndex>> AddressIndex::open(const Image& image) {
  auto v4 = image.items<Row>(kV4Section);
  auto v6 = image.items<Row>(kV6Section);
  if (!v4 || !v6) {
    return fail("address index: damaged sections");
  }
  return std::make_unique<const AddressIndex>(*v4, *v6);
}

size_t AddressIndex::find(const IpAddress& address, std::span<Match> out) const noexcept {
  const Items<Row> rows = address.is_v4() ? v4_ : v6_;
  const unsigned bits = address.is_v4() ? 32 : 128;
  const Number number = number_of(address);
  // Every block that holds the address is the last one that begins at or before it, or stands around that
  // one.
  auto at = static_cast<size_t>(
      std::upper_bound(rows.begin(), rows.end(), number,
                       [](const Number& sought, const Row& row) { return sought < row.start; }) -
      rows.begin());
  size_t found = 0;
  while (at != 0 && found < out.size()) {
    const Row& row = rows[at - 1];
    if (shares_prefix(row.start, number, row.length, bits)) {
      out[found++] = {static_cast<uint8_t>(row.length), row.value};
    }
    at = std::min<size_t>(row.around, at - 1);  // always towards the front, also in a damaged image
  }
  return found;
}

std::optional<uint32_t> AddressIndex::value_of(const Prefix& prefix) const noexcept {
  const Items<Row> rows = prefix.address.is_v4() ? v4_ : v6_;
  const std::pair sought(number_of(prefix.address), uint64_t{prefix.length});
  const auto at = std::lower_bound(rows.begin(), rows.end(), sought, [](const Row& row, const auto& other) {
    return std::pair(row.start, row.length) < other;
  });
  const bool is_there = at != rows.end() && std::pair(at->start, at->length) == sought;
  return is_there ? std::optional(at->value) : std::nullopt;
}

std::pair<Prefix, uint32_t> AddressIndex::at(size_t i) const noexcept {
  const bool is_v4 = i < v4_.size();
  const Row& row = is_v4 ? v4_[i] : v6_[i - v4_.size()];
  const uint64_t most = is_v4 ? 32 : 128;
  return {Prefix{address_of(row.start, is_v4), static_cast<uint8_t>(std::min(row.length, most))}, row.value};
}

void AddressIndexBuilder::add(const Prefix& prefix, uint32_t value) {
  (prefix.address.is_v4() ? v4_ : v6_)[{number_of(prefix.address), prefix.length}] = value;
}

std::vector<AddressIndex::Row> AddressIndexBuilder::rows(const Blocks& blocks, unsigned bits) {
  std::vector<Row> rows;
  rows.reserve(blocks.size());
  std::vector<uint32_t> around;  // the blocks that the current place lies in, widest first
  for (const auto& [block, value] : blocks) {
    const auto& [start, length] = block;
    while (!around.empty() &&
           !shares_prefix(rows[around.back() - 1].start, start, rows[around.back() - 1].length, bits)) {
      around.pop_back();
    }
    rows.push_back({start, around.empty() ? 0 : around.back(), value, length});
    around.push_back(static_cast<uint32_t>(rows.size()));
  }
  return rows;
}

void AddressIndexBuilder::finish(ImageWriter& out) const {
  out.add_items<Row>(kV4Section, v4_rows());
  out.add_items<Row>(kV6Section, v6_rows());
}

}  // namespace cenote
