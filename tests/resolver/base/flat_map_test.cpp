#include "resolver/base/flat_map.h"

#include <random>
#include <unordered_map>

#include <catch2/catch.hpp>

namespace cenote::flat_map_test {

TEST_CASE("a flat map says what a map of the standard library says", "[base]") {
  // Few keys in few places: long runs that wrap around, and holes in the middle of them.
  const uint64_t spread = GENERATE(0x0000000000000001U, 0x0000000000000040U, 0x9E3779B97F4A7C15U);
  std::mt19937_64 random(spread);
  FlatMap<int> map;
  std::unordered_map<uint64_t, int> model;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t key = random() % 300 * spread;
    if (random() % 2 == 0) {
      map[key] = step;
      model[key] = step;
    } else {
      map.erase(key);
      model.erase(key);
    }
    const uint64_t other = random() % 300 * spread;
    const int* found = map.find(other);
    REQUIRE((found != nullptr) == (model.count(other) == 1));
    REQUIRE((found == nullptr || *found == model[other]));
    REQUIRE(map.size() == model.size());
  }
  for (const auto& [key, value] : model) {
    REQUIRE(map.find(key) != nullptr);
    REQUIRE(*map.find(key) == value);
  }
}

TEST_CASE("a cleared flat map is empty and can be filled again", "[base]") {
  FlatMap<int> map;
  for (uint64_t key = 0; key < 1000; ++key) {
    map[key] = 1;
  }
  map.clear();
  CHECK(map.size() == 0);
  CHECK(map.find(7) == nullptr);
  map[7] = 2;
  CHECK(*map.find(7) == 2);
}

}  // namespace cenote::flat_map_test
