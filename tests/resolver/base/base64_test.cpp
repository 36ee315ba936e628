#include "resolver/base/base64.h"

#include <array>

#include <catch2/catch.hpp>

namespace cenote::base64_test {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::array<uint8_t, 64> out{};
  const auto size = decode_base64url(text, out);
  return size ? std::optional(std::string(as_text(Bytes(out).first(*size)))) : std::nullopt;
}

}  // namespace

TEST_CASE("base64url is read and written as RFC 4648 section 10 shows it, without padding", "[base]") {
  for (const auto& [plain, text] :
       {std::pair("", ""), std::pair("f", "Zg"), std::pair("fo", "Zm8"), std::pair("foo", "Zm9v"),
        std::pair("foob", "Zm9vYg"), std::pair("fooba", "Zm9vYmE"), std::pair("foobar", "Zm9vYmFy")}) {
    CHECK(encode_base64url(as_bytes(plain)) == text);
    CHECK(decoded(text) == plain);
  }
  CHECK(decoded("-_8") == "\xFB\xFF");  // the two characters that differ from plain base64
}

TEST_CASE("what is no base64url is refused", "[base]") {
  for (const char* bad : {"Z", "Zg==", "Zm9v!", "+/8", "Zh", "Zm9vY g"}) {
    CAPTURE(bad);
    CHECK_FALSE(decoded(bad));
  }
  std::array<uint8_t, 2> small{};
  CHECK_FALSE(decode_base64url("Zm9v", small));
}

}  // namespace cenote::base64_test
