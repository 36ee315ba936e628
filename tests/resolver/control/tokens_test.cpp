#include "resolver/control/tokens.h"

#include <catch2/catch.hpp>

#include "resolver/net/digest.h"

namespace cenote::tokens_test {

TEST_CASE("SHA-256 gives the digests of FIPS 180-4", "[net][digest]") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(equal_in_constant_time("same", "same"));
  CHECK_FALSE(equal_in_constant_time("same", "sane"));
  CHECK_FALSE(equal_in_constant_time("same", "sam"));
}

TEST_CASE("a token is found by what the header shows, until it expires", "[control][tokens]") {
  const WallTime end(seconds{1000});
  const Tokens tokens({{"a", sha256_hex("one"), {"read"}, {}}, {"b", sha256_hex("two"), {"admin"}, end}});
  const WallTime before = end - milliseconds{1};
  REQUIRE(tokens.find("Bearer one", before) != nullptr);
  CHECK(tokens.find("bearer  two", before)->name == "b");
  CHECK(tokens.find("Bearer two", end) == nullptr);
  CHECK(tokens.find("Bearer three", before) == nullptr);
  CHECK(tokens.find("Basic one", before) == nullptr);
  CHECK(tokens.find("one", before) == nullptr);
  CHECK(tokens.find("", before) == nullptr);
  CHECK(tokens.find("Bearer " + sha256_hex("one"), before) == nullptr);
}

TEST_CASE("scopes grant what they say", "[control][tokens]") {
  const auto with = [](std::vector<std::string> scopes) { return Token{"t", "", std::move(scopes), {}}; };
  CHECK(grants(with({"read"}), Right::kRead, ""));
  CHECK_FALSE(grants(with({"read"}), Right::kPush, "c2"));
  CHECK(grants(with({"push:c2"}), Right::kPush, "c2"));
  CHECK_FALSE(grants(with({"push:c2"}), Right::kPush, "c"));
  CHECK_FALSE(grants(with({"push:c2"}), Right::kPush, ""));
  CHECK_FALSE(grants(with({"push:c2"}), Right::kRead, "c2"));
  CHECK(grants(with({"push:*"}), Right::kPush, "anything"));
  CHECK_FALSE(grants(with({"push:*"}), Right::kOperate, ""));
  CHECK(grants(with({"operate"}), Right::kPush, "c2"));
  CHECK(grants(with({"admin"}), Right::kOperate, ""));
  CHECK(grants(with({"push:c2"}), Right::kPushSome, ""));
  CHECK(grants(with({"operate"}), Right::kPushSome, ""));
  CHECK_FALSE(grants(with({"read", "release:c2"}), Right::kPushSome, ""));
  CHECK(grants(with({}), Right::kNone, ""));
  CHECK_FALSE(grants(with({}), Right::kRead, ""));
  CHECK(is_scope("push:c2"));
  CHECK_FALSE(is_scope("push:"));
  CHECK_FALSE(is_scope("write"));
}

}  // namespace cenote::tokens_test
