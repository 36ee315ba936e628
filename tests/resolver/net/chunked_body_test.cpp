#include "resolver/net/chunked_body.h"

#include <catch2/catch.hpp>

namespace cenote::chunked_body_test {
namespace {

using State = ChunkedBody::State;

struct Read {
  State state = State::kMore;
  std::string body;
  std::string left;
};

Read read_in_pieces(std::string_view text, size_t piece, size_t limit = 100) {
  ChunkedBody chunks(limit, 50);
  Read read;
  while (!text.empty() && read.state == State::kMore) {
    std::string_view input = text.substr(0, piece);
    const size_t given = input.size();
    read.state = chunks.read(input, read.body);
    text.remove_prefix(given - input.size());
  }
  read.left = text;
  return read;
}

TEST_CASE("chunks are joined however their bytes are split", "[net][chunked_body]") {
  const size_t piece = GENERATE(range(size_t{1}, size_t{40}));
  const auto [text, body] = GENERATE(table<std::string, std::string>({
      {"0\r\n\r\n", ""},
      {"3\r\nabc\r\n0\r\n\r\n", "abc"},
      {"00a\r\n0123456789\r\nA;x=\"y\"\r\nabcdefghij\r\n0;last\r\nTrailer: z\r\nMore: z\r\n\r\n",
       "0123456789abcdefghij"},
      {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
  }));
  const Read read = read_in_pieces(text + "next", piece);
  CHECK(read.state == State::kDone);
  CHECK(read.body == body);
  CHECK(read.left == "next");
}

TEST_CASE("what is no chunk is refused", "[net][chunked_body]") {
  const std::string text =
      GENERATE(as<std::string>{}, "\r\n", "g\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "1 \r\n", "0x1\r\n", "1\n",
               "1\rx", ";x\r\n", "1\r\nab", "1\r\na\n", "1\r\na\rx", "0\r\n\n", "0\r\n\rx", "0\r\nx\n",
               "0\r\nx\ry", "1;a\nb\r\n", "ffffffffffffffff\r\n", "0000000000000001\r\n",
               "0\r\n" + std::string(60, 'x'), "1;" + std::string(60, 'x'));
  CAPTURE(text);
  CHECK(read_in_pieces(text, 1).state == State::kBad);
  CHECK(read_in_pieces(text, 1000).state == State::kBad);
}

TEST_CASE("a body beyond its limit is refused before it comes", "[net][chunked_body]") {
  CHECK(read_in_pieces("5\r\nabcde\r\n0\r\n\r\n", 1, 5).state == State::kDone);
  CHECK(read_in_pieces("6\r\n", 1, 5).state == State::kTooLarge);
  const Read second = read_in_pieces("3\r\nabc\r\n3\r\n", 1, 5);
  CHECK(second.state == State::kTooLarge);
  CHECK(second.body == "abc");
}

}  // namespace

}  // namespace cenote::chunked_body_test
