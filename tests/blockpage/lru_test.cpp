#include "blockpage/lru.h"

#include <string>

#include <catch2/catch.hpp>

namespace cenote::lru_test {
using cenote::Lru;

TEST_CASE("a full LRU forgets what was not used for longest", "[blockpage][lru]") {
  Lru<std::string, int> lru(2);
  lru.insert("a", 1);
  lru.insert("b", 2);
  REQUIRE(lru.find("a") != nullptr);
  lru.insert("c", 3);
  CHECK(lru.size() == 2);
  CHECK(lru.find("b") == nullptr);
  REQUIRE(lru.find("a") != nullptr);
  CHECK(*lru.find("a") == 1);
  CHECK(*lru.find("c") == 3);
}

TEST_CASE("an LRU never grows beyond its capacity", "[blockpage][lru]") {
  Lru<int, int> lru(100);
  for (int i = 0; i < 10'000; ++i) {
    if (lru.find(i % 257) == nullptr) {
      lru.insert(i % 257, i);
    }
    REQUIRE(lru.size() <= 100);
  }
  lru.clear();
  CHECK(lru.size() == 0);
  CHECK(lru.find(1) == nullptr);
}

}  // namespace cenote::lru_test
