#include "ioc/prefix_code.h"

#include <random>

#include <catch2/catch.hpp>

namespace cenote::prefix_code_test {
namespace {

using Text = std::vector<uint8_t>;

struct Coded {
  Text text;
  size_t begin, bits;
};

struct Texts {
  std::vector<uint8_t> lengths;
  std::vector<Coded> texts;
  std::vector<uint8_t> stream;
};

// Random texts over up to 40 bytes of very different frequency, one after the other, with many twins.
Texts some_texts(uint64_t seed, size_t most_bytes) {
  std::mt19937_64 random(seed);
  Texts made;
  std::array<uint64_t, 256> counts{};
  for (size_t n = 200; n > 0; --n) {
    Text text;
    for (size_t size = random() % (most_bytes + 1); size > 0; --size) {
      text.push_back(static_cast<uint8_t>(random() % (1 + random() % (seed % 40 + 1))));
      ++counts[text.back()];
    }
    made.texts.push_back({std::move(text), 0, 0});
  }
  made.lengths = PrefixEncoder::lengths_for(counts);
  const PrefixEncoder encoder(made.lengths);
  BitWriter writer(made.stream);
  size_t at = 0;
  for (Coded& each : made.texts) {
    each.begin = at;
    for (const uint8_t byte : each.text) {
      encoder.put(writer, byte);
      at += made.lengths[byte];
    }
    each.bits = at - each.begin;
  }
  writer.align();
  made.stream.resize(made.stream.size() + BitReader::kPadding);
  return made;
}

BitReader reader_at(const Texts& made, const Coded& each) {
  return {made.stream, each.begin / 8, each.begin % 8};
}

}  // namespace

TEST_CASE("texts come back symbol by symbol", "[ioc][prefix_code]") {
  for (uint64_t seed = 0; seed < 80; ++seed) {
    CAPTURE(seed);
    const Texts made = some_texts(seed, 30);
    PrefixDecoder decoder;
    REQUIRE(decoder.build(made.lengths));
    BitReader in(made.stream, 0);
    for (const Coded& each : made.texts) {
      Text read;
      while (read.size() < each.text.size()) {
        read.push_back(static_cast<uint8_t>(decoder.take(in)));
      }
      REQUIRE(read == each.text);
      REQUIRE(in.at() == each.begin + each.bits);
    }
    CHECK(in.ok());
  }
}

TEST_CASE("a coded text is the same as another where the texts are", "[ioc][prefix_code]") {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    const Texts made = some_texts(seed, seed % 4 == 0 ? CodedText::kMostBytes : 3 + seed);
    const PrefixEncoder encoder(made.lengths);
    size_t same = 0;
    for (const Coded& sought : made.texts) {
      const CodedText text(encoder, sought.text);
      REQUIRE(text.has_code());
      REQUIRE(text.bits() == sought.bits);
      for (const Coded& each : made.texts) {
        const bool is_same = each.bits == text.bits() && text.is_next(reader_at(made, each));
        same += is_same ? 1U : 0U;
        if (is_same != (each.text == sought.text)) {
          FAIL("of " << each.bits << " bits at " << each.begin);
        }
      }
    }
    CHECK(same >= made.texts.size());
  }
}

TEST_CASE("one bit that differs anywhere makes another text", "[ioc][prefix_code]") {
  Texts made = some_texts(7, 60);
  const PrefixEncoder encoder(made.lengths);
  for (const Coded& each : made.texts) {
    const CodedText text(encoder, each.text);
    for (size_t bit = 0; bit < each.bits; ++bit) {
      uint8_t& byte = made.stream[(each.begin + bit) / 8];
      const auto flip = static_cast<uint8_t>(1U << ((each.begin + bit) % 8));
      byte ^= flip;
      const bool is_next = text.is_next(reader_at(made, each));
      byte ^= flip;
      if (is_next) {
        FAIL("bit " << bit << " of " << each.bits);
      }
    }
    REQUIRE(text.is_next(reader_at(made, each)));
  }
}

TEST_CASE("a text with a byte that has no code has none", "[ioc][prefix_code]") {
  std::vector<uint8_t> lengths(256, 0);
  lengths['a'] = 1;
  const PrefixEncoder encoder(lengths);
  CHECK(CodedText(encoder, Text{'a', 'a'}).has_code());
  CHECK(CodedText(encoder, Text{}).has_code());
  CHECK_FALSE(CodedText(encoder, Text{'a', 'b'}).has_code());
}

TEST_CASE("bits that are no code give no symbol", "[ioc][prefix_code]") {
  std::vector<uint8_t> lengths(256, 0);
  lengths[0] = 1;
  lengths[1] = 2;  // the bits 11 are no code
  PrefixDecoder decoder;
  REQUIRE(decoder.build(lengths));
  const std::vector<uint8_t> no_code(100, 0xFF);
  BitReader ones(no_code, 0);
  CHECK(decoder.take(ones) == PrefixDecoder::kNoSymbol);
}

TEST_CASE("lengths that are no code are refused", "[ioc][prefix_code]") {
  PrefixDecoder decoder;
  std::vector<uint8_t> lengths(256, 1);
  CHECK_FALSE(decoder.build(lengths));
  lengths.assign(256, 0);
  lengths[0] = kMaxCodeBits + 1;
  CHECK_FALSE(decoder.build(lengths));
}

}  // namespace cenote::prefix_code_test
