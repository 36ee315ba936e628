#include "ioc/sorted_names.h"

#include <filesystem>
#include <map>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "resolver/base/bytes.h"
#include "tests/support/temporary_folder.h"

namespace cenote::sorted_names_test {
namespace {

using Model = std::map<std::string, std::vector<uint32_t>>;  // by key: what std::string orders like keys

std::string key_of(std::mt19937_64& random) {
  std::string key;
  for (size_t labels = 1 + random() % 4; labels > 0; --labels) {
    const size_t longest = random() % 50 == 0 ? 120 : 12;
    for (size_t i = 1 + random() % longest; i > 0; --i) {
      key += "abc\x01\xFF"[random() % 5];
    }
    key += '\0';
  }
  return key;
}

Model some_names(size_t count, std::mt19937_64& random) {
  Model names;
  while (names.size() < count) {
    std::vector<uint32_t>& numbers = names[key_of(random)];
    for (size_t i = random() % 20 == 0 ? 1 + random() % 4000 : 1; i > 0; --i) {
      numbers.push_back(static_cast<uint32_t>(random() >> (32 + random() % 32)));
    }
  }
  return names;
}

void write(const Model& names, Scratch& out) {
  SortedNamesWriter writer(out);
  for (const auto& [key, numbers] : names) {
    writer.put(as_bytes(key), numbers);
  }
}

void check_same(const Model& names, SortedNamesReader reader) {
  for (const auto& [key, numbers] : names) {
    REQUIRE(reader.next());
    REQUIRE(as_text(reader.key()) == key);
    REQUIRE(reader.numbers() == numbers);
  }
  REQUIRE_FALSE(reader.next());
}

}  // namespace

TEST_CASE("sorted names come back as they were written, from memory and from a file", "[ioc][sorted_names]") {
  const auto seed = GENERATE(range<uint64_t>(0, 6));
  const bool has_folder = GENERATE(true, false);
  CAPTURE(seed, has_folder);
  std::mt19937_64 random(seed);
  const TemporaryFolder folder;
  const Model first = some_names(random() % 3000, random);
  const Model second = some_names(random() % 3000, random);
  Scratch bytes = has_folder ? Scratch(folder.path()) : Scratch();
  write(first, bytes);
  const uint64_t between = bytes.size();
  write(second, bytes);
  check_same(first, SortedNamesReader(bytes, 0, between));
  check_same(second, SortedNamesReader(bytes, between, bytes.size(), 1));
  CHECK(bytes.is_good());
  bytes.clear();
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a file that was cut short is noticed, not taken for a shorter list", "[ioc][sorted_names]") {
  const TemporaryFolder folder;
  std::mt19937_64 random(1);
  const Model names = some_names(20'000, random);
  Scratch bytes(folder.path());
  write(names, bytes);
  REQUIRE_FALSE(std::filesystem::is_empty(folder.path()));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
  }
  SortedNamesReader reader(bytes);
  size_t read = 0;
  while (reader.next()) {
    ++read;
  }
  CHECK(read < names.size());
  CHECK_FALSE(bytes.is_good());
}

TEST_CASE("a disk that takes nothing is noticed", "[ioc][sorted_names]") {
  std::mt19937_64 random(1);
  Scratch bytes("/nowhere/at/all");
  write(some_names(20'000, random), bytes);
  CHECK_FALSE(bytes.is_good());
}

}  // namespace cenote::sorted_names_test
