#include "resolver/cli/answer.h"

#include <catch2/catch.hpp>

namespace cenote::answer_test {

TEST_CASE("an answer that is nested deeper than any of ours is none", "[cli][answer]") {
  CHECK(parse_answer(R"({"feeds":[{"limits":{"growth":1}}]})")["feeds"].size() == 1);
  CHECK(parse_answer("{").is_discarded());
  CHECK(parse_answer("").is_discarded());
  CHECK(parse_answer(std::string(1U << 20, '[')).is_discarded());
  CHECK(parse_answer(std::string(100, '[') + std::string(100, ']')).is_discarded());
}

}  // namespace cenote::answer_test
