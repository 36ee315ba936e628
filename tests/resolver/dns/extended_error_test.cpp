#include "resolver/dns/extended_error.h"

#include <catch2/catch.hpp>

#include "resolver/base/text.h"
#include "tests/support/dns_text.h"

namespace cenote::extended_error_test {
namespace {

using test::Wire;

constexpr bool kAnswer = true;
constexpr bool kFailure = false;

Wire option(uint16_t number, const Wire& data) {
  Wire made{static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number),
            static_cast<uint8_t>(data.size() >> 8), static_cast<uint8_t>(data.size())};
  made.insert(made.end(), data.begin(), data.end());
  return made;
}
Wire said(uint16_t code, std::string_view text = "") {
  Wire data{static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code)};
  data.insert(data.end(), text.begin(), text.end());
  return option(edns_option::kExtendedError, data);
}
Wire operator+(Wire first, const Wire& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
std::string text_of(std::string_view text) {
  const auto error = read_upstream_error(said(17, text), kAnswer);
  return error ? error->text : "";
}
int code_of(const Wire& options, bool is_answer) {
  const auto error = read_upstream_error(options, is_answer);
  return error ? static_cast<int>(error->code) : -1;
}

}  // namespace

TEST_CASE("RFC 8914 section 3: an upstream's error says that it is the upstream's", "[dns][ede]") {
  CHECK(text_of("adult content") == "upstream: adult content");
  CHECK(text_of("") == "upstream");
}

TEST_CASE("an upstream's text cannot forge a line, and is bounded", "[dns][ede]") {
  CHECK(text_of("bad\n\xff") == "upstream: bad\\x0a\\xff");
  CHECK(text_of(std::string(120, 'a')) == "upstream: " + std::string(120, 'a'));
  CHECK(text_of(std::string(121, 'a')) == "upstream: " + std::string(120, 'a') + "...");
  for (const char* letter : {"\n", "\xff", "\xe2\x80\xae", "\xe9\x98\xbb", "\xf0\x9f\x98\x80"}) {
    std::string text;
    while (text.size() < 60'000) {
      text += letter;
    }
    CHECK(text_of(text).size() <= kMaxUpstreamErrorText);
    CHECK(text_of(text).size() > kMaxUpstreamErrorText - 20);
    CHECK(is_valid_utf8(text_of(text)));
  }
}

TEST_CASE("with an answer only what speaks of the answer counts, with a failure all", "[dns][ede]") {
  const auto code = GENERATE(range(0, 40), values<int>({49152, 65535}));
  CAPTURE(code);
  const Wire options = said(static_cast<uint16_t>(code));
  CHECK(code_of(options, kFailure) == code);
  const std::vector<int> kOfItself{13, 14, 18, 20, 21, 22, 23};
  const bool of_itself = std::find(kOfItself.begin(), kOfItself.end(), code) != kOfItself.end();
  CHECK(code_of(options, kAnswer) == (of_itself ? -1 : code));
}

TEST_CASE("of several errors the first that counts is taken", "[dns][ede]") {
  const Wire options = option(edns_option::kNsid, {1, 2}) + said(22) + said(23) + said(3, "old") + said(15);
  CHECK(code_of(options, kAnswer) == 3);
  CHECK(code_of(options, kFailure) == 22);
}

TEST_CASE("broken options are no error", "[dns][ede]") {
  CHECK(code_of({}, kFailure) == -1);
  CHECK(code_of(option(edns_option::kExtendedError, {}), kFailure) == -1);
  CHECK(code_of(option(edns_option::kExtendedError, {0}), kFailure) == -1);
  CHECK(code_of(option(edns_option::kExtendedError, {0}) + said(6), kFailure) == 6);
  const Wire whole = said(6, "text");
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(code_of(Wire(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)), kFailure) == -1);
  }
}

}  // namespace cenote::extended_error_test
