#include "ioc/prefix_code.h"

#include <random>

#include <catch2/catch.hpp>

namespace cenote::prefix_code_test {
namespace {

constexpr unsigned kEnd = 40;

struct Texts {
  std::vector<uint8_t> lengths;
  std::vector<std::vector<unsigned>> texts;
  std::vector<uint8_t> bits;
};

// Random texts over 40 symbols of very different frequency, each with an end, one after the other.
Texts some_texts(uint64_t seed) {
  std::mt19937_64 random(seed);
  Texts made;
  std::array<uint64_t, kEnd + 1> counts{};
  for (size_t n = 200; n > 0; --n) {
    std::vector<unsigned> text;
    for (size_t size = random() % 30; size > 0; --size) {
      text.push_back(static_cast<unsigned>(random() % (1 + random() % (seed % kEnd + 1))));
      ++counts[text.back()];
    }
    ++counts[kEnd];
    made.texts.push_back(std::move(text));
  }
  made.lengths = PrefixEncoder::lengths_for(counts);
  const PrefixEncoder encoder(made.lengths);
  BitWriter writer(made.bits);
  for (const auto& text : made.texts) {
    for (const unsigned symbol : text) {
      encoder.put(writer, symbol);
    }
    encoder.put(writer, kEnd);
  }
  writer.align();
  made.bits.resize(made.bits.size() + BitReader::kPadding);
  return made;
}

std::vector<unsigned> next_text(const TextDecoder& decoder, BitReader& in) {
  std::vector<unsigned> text;
  for (unsigned symbol = 0; (symbol = decoder.take(in)) != kEnd;) {
    REQUIRE(symbol < kEnd);
    text.push_back(symbol);
  }
  return text;
}

}  // namespace

TEST_CASE("texts come back symbol by symbol, and behind any that are passed over", "[ioc][prefix_code]") {
  for (uint64_t seed = 0; seed < 80; ++seed) {
    CAPTURE(seed);
    const Texts made = some_texts(seed);
    TextDecoder decoder;
    REQUIRE(decoder.build(made.lengths, kEnd));
    BitReader all(made.bits, 0);
    BitReader some(made.bits, 0);
    for (size_t i = 0; i < made.texts.size(); ++i) {
      REQUIRE(next_text(decoder, all) == made.texts[i]);
      if ((i + seed) % 3 == 0) {
        REQUIRE(next_text(decoder, some) == made.texts[i]);
      } else {
        REQUIRE(decoder.skip_text(some, 30));
      }
    }
    CHECK(all.ok());
    CHECK(some.ok());
  }
}

TEST_CASE("a text without an end is given up", "[ioc][prefix_code]") {
  std::vector<uint8_t> lengths(kEnd + 1, 0);
  lengths[0] = 1;
  lengths[kEnd] = 2;  // the bits 11 are no code
  TextDecoder decoder;
  REQUIRE(decoder.build(lengths, kEnd));
  const std::vector<uint8_t> endless(1000, 0);
  BitReader zeros(endless, 0);
  CHECK_FALSE(decoder.skip_text(zeros, 100));
  const std::vector<uint8_t> no_code(100, 0xFF);
  BitReader ones(no_code, 0);
  CHECK_FALSE(decoder.skip_text(ones, 100));
  CHECK(decoder.take(ones) == PrefixDecoder::kNoSymbol);
}

TEST_CASE("lengths that are no code are refused", "[ioc][prefix_code]") {
  TextDecoder decoder;
  std::vector<uint8_t> lengths(kEnd + 1, 1);
  CHECK_FALSE(decoder.build(lengths, kEnd));
  lengths.assign(kEnd + 1, 0);
  lengths[0] = kMaxCodeBits + 1;
  CHECK_FALSE(decoder.build(lengths, kEnd));
}

}  // namespace cenote::prefix_code_test
