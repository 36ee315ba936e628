#include "resolver/net/frame.h"

#include <random>
#include <string>

#include <catch2/catch.hpp>

namespace cenote::frame_test {
namespace {

std::vector<uint8_t> framed(const std::vector<std::string>& messages) {
  std::vector<uint8_t> bytes;
  for (const std::string& message : messages) {
    std::array<uint8_t, kFrameHeaderSize> header{};
    ByteWriter writer(header);
    write_frame_header(writer, message.size());
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), message.begin(), message.end());
  }
  return bytes;
}

void read_all(FrameReader& frames, Bytes piece, std::vector<std::string>& messages) {
  // A copy that ends where the piece ends, so that a sanitizer sees any step over it.
  const std::vector<uint8_t> own(piece.begin(), piece.end());
  frames.feed(own);
  while (const auto message = frames.next()) {
    messages.emplace_back(as_text(*message));
  }
}

const std::vector<std::string> kMessages{"one", "", std::string(300, 'x'), "", "two", "three"};

TEST_CASE("messages come out whole wherever the bytes are split in two", "[net][frame]") {
  const auto bytes = framed(kMessages);
  for (size_t split = 0; split <= bytes.size(); ++split) {
    CAPTURE(split);
    FrameReader frames;
    std::vector<std::string> messages;
    read_all(frames, Bytes(bytes).first(split), messages);
    read_all(frames, Bytes(bytes).subspan(split), messages);
    REQUIRE(messages == kMessages);
    REQUIRE_FALSE(frames.is_mid_message());
  }
}

TEST_CASE("messages come out whole when every byte comes alone", "[net][frame]") {
  FrameReader frames;
  std::vector<std::string> messages;
  for (const uint8_t byte : framed(kMessages)) {
    read_all(frames, {&byte, 1}, messages);
  }
  CHECK(messages == kMessages);
}

TEST_CASE("messages come out whole from pieces of any size", "[net][frame]") {
  const unsigned seed = GENERATE(range(0U, 50U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::vector<std::string> sent;
  for (int i = 0; i < 20; ++i) {
    sent.emplace_back(random() % 4 == 0 ? random() % kMaxFrameMessage : random() % 40,
                      static_cast<char>('a' + i));
  }
  const auto bytes = framed(sent);
  FrameReader frames;
  std::vector<std::string> messages;
  for (Bytes left = bytes; !left.empty();) {
    const size_t size = std::min<size_t>(left.size(), 1 + random() % (random() % 2 == 0 ? 5 : 70000));
    read_all(frames, left.first(size), messages);
    left = left.subspan(size);
  }
  CHECK(messages == sent);
}

TEST_CASE("the largest message passes and an unfinished one is known", "[net][frame]") {
  const std::vector<std::string> largest{std::string(kMaxFrameMessage, 'y')};
  const auto bytes = framed(largest);
  FrameReader frames;
  std::vector<std::string> messages;
  read_all(frames, Bytes(bytes).first(bytes.size() - 1), messages);
  CHECK(messages.empty());
  CHECK(frames.is_mid_message());
  read_all(frames, Bytes(bytes).last(1), messages);
  CHECK(messages == largest);
  CHECK_FALSE(frames.is_mid_message());
}

TEST_CASE("a message that lies whole in its input is not copied", "[net][frame]") {
  const auto bytes = framed({"whole"});
  FrameReader frames;
  frames.feed(bytes);
  const auto message = frames.next();
  REQUIRE(message);
  CHECK(message->data() == bytes.data() + kFrameHeaderSize);
}

}  // namespace

}  // namespace cenote::frame_test
