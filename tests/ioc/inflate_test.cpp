#include <catch2/catch.hpp>
#include <zstd.h>

#include "tests/support/feed_outcome.h"
#include "tests/support/gzip.h"

namespace cenote::inflate_test {
using cenote::test::gzip;
using cenote::test::read_feed;

namespace {

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

ParseOptions plain() {
  return ParseOptions{.format = "plain"};
}

}  // namespace

TEST_CASE("gzip and zstd feeds are read as what they hold, in pieces of any size") {
  const std::string body = "evil.example\nbad.example\n";
  for (const std::string& packed : {gzip(body), zstd(body), gzip("evil.example\n") + gzip("bad.example\n"),
                                    zstd("evil.example\n") + zstd("bad.example\n")}) {
    for (const size_t piece : {size_t{1}, size_t{7}, SIZE_MAX}) {
      CHECK(read_feed(plain(), packed, piece) == "E evil.example, E bad.example");
    }
  }
}

TEST_CASE("A truncated or damaged archive refuses the feed") {
  const std::string body = "evil.example\n";
  std::string damaged = gzip(body);
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  CHECK(read_feed(plain(), damaged) == "refused: gzip");
  CHECK(read_feed(plain(), gzip(body).substr(0, 15)) == "refused: gzip");
  CHECK(read_feed(plain(), zstd(body).substr(0, 15)) == "refused: zstd");
}

TEST_CASE("A decompression bomb is refused by its ratio and by its size") {
  const std::string zeros(8 << 20, '\n');
  CHECK(read_feed(plain(), gzip(zeros)) == "refused: decompression bomb");
  CHECK(read_feed(plain(), zstd(zeros)) == "refused: decompression bomb");
  ParseOptions small = plain();
  small.max_inflated = 20;
  CHECK(read_feed(small, gzip("evil.example\n")) == "E evil.example");
  CHECK(read_feed(small, gzip("evil.example\nbad.example\n")) == "refused: decompression bomb");
}

}  // namespace cenote::inflate_test
