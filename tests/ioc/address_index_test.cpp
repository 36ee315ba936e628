#include "ioc/address_index.h"

#include <array>
#include <map>
#include <random>

#include <catch2/catch.hpp>

namespace cenote::address_index_test {
namespace {

struct Order {
  bool operator()(const Prefix& a, const Prefix& b) const { return is_before(a, b); }
};
using Model = std::map<Prefix, uint32_t, Order>;

class Built {
 public:
  explicit Built(const Model& model) {
    AddressIndexBuilder builder;
    for (const auto& [prefix, value] : model) {
      builder.add(prefix, value);
    }
    ImageWriter writer;
    builder.finish(writer);
    image_ = std::move(Image::from_bytes(std::move(writer).finish().value())).value();
    index_ = std::move(AddressIndex::open(*image_)).value();
  }
  const AddressIndex* operator->() const { return index_.get(); }

 private:
  std::unique_ptr<const Image> image_;
  std::unique_ptr<const AddressIndex> index_;
};

Prefix prefix(std::string_view text) {
  return Prefix::from_text(text).value();
}
IpAddress address(std::string_view text) {
  return IpAddress::from_text(text).value();
}

std::vector<std::pair<int, uint32_t>> found(const Built& index, const IpAddress& asked) {
  std::array<AddressIndex::Match, AddressIndex::kMostMatches> matches;
  std::vector<std::pair<int, uint32_t>> all;
  for (size_t i = 0, count = index->find(asked, matches); i < count; ++i) {
    all.emplace_back(matches[i].length, matches[i].value);
  }
  return all;
}

}  // namespace

TEST_CASE("every block around an address is found, the narrowest first", "[ioc][address_index]") {
  const Built index({{prefix("192.0.2.0/24"), 1},
                     {prefix("192.0.2.7"), 2},
                     {prefix("0.0.0.0/0"), 3},
                     {prefix("192.0.2.8/29"), 4},
                     {prefix("2001:db8::/32"), 5}});
  CHECK(found(index, address("192.0.2.7")) ==
        std::vector<std::pair<int, uint32_t>>{{32, 2}, {24, 1}, {0, 3}});
  CHECK(found(index, address("192.0.2.9")) ==
        std::vector<std::pair<int, uint32_t>>{{29, 4}, {24, 1}, {0, 3}});
  CHECK(found(index, address("198.51.100.1")) == std::vector<std::pair<int, uint32_t>>{{0, 3}});
  CHECK(found(index, address("2001:db8::1")) == std::vector<std::pair<int, uint32_t>>{{32, 5}});
  CHECK(found(index, address("2001:db9::1")).empty());
  CHECK(index->value_of(prefix("192.0.2.8/29")) == 4);
  CHECK_FALSE(index->value_of(prefix("192.0.2.8/30")));
}

TEST_CASE("blocks at every length around one address are all found", "[ioc][address_index]") {
  Model model;
  for (unsigned length = 0; length <= 128; ++length) {
    model[{address("::"), static_cast<uint8_t>(length)}] = length;
  }
  const Built index(model);
  CHECK(found(index, address("::")).size() == 129);
  CHECK(found(index, address("::1")).size() == 128);
  CHECK(found(index, address("8000::")).size() == 1);
}

TEST_CASE("random blocks behave like a plain map", "[ioc][address_index]") {
  const auto seed = GENERATE(range<uint64_t>(0, 30));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto some_address = [&] {
    const auto low = static_cast<uint8_t>(random());
    if (random() % 2 == 0) {
      return IpAddress::v4({203, 0, static_cast<uint8_t>(random() % 3), low});
    }
    std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[9] = static_cast<uint8_t>(random() % 3);
    bytes[15] = low;
    return IpAddress::v6(bytes);
  };
  Model model;
  for (size_t i = random() % 200; i > 0; --i) {
    const IpAddress at = some_address();
    const unsigned bits = at.is_v4() ? 32 : 128;
    const auto length = static_cast<unsigned>(random() % (bits + 1));
    std::vector<uint8_t> bytes(at.bytes().begin(), at.bytes().end());
    for (unsigned bit = length; bit < bits; ++bit) {
      bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
    }
    model[{*IpAddress::from_bytes(bytes), static_cast<uint8_t>(length)}] = static_cast<uint32_t>(i);
  }
  const Built index(model);
  REQUIRE(index->size() == model.size());
  size_t at = 0;
  for (const auto& [listed, value] : model) {
    REQUIRE(index->at(at++) == std::pair(listed, value));
    REQUIRE(index->value_of(listed) == value);
  }
  for (int i = 0; i < 500; ++i) {
    const IpAddress asked = some_address();
    std::vector<std::pair<int, uint32_t>> expected;
    for (const auto& [listed, value] : model) {
      if (listed.contains(asked)) {
        expected.emplace_back(listed.length, value);
      }
    }
    std::sort(expected.rbegin(), expected.rend());
    REQUIRE(found(index, asked) == expected);
  }
}

}  // namespace cenote::address_index_test
