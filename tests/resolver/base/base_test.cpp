#include <memory>

#include <catch2/catch.hpp>

#include "resolver/base/bytes.h"
#include "resolver/base/random.h"
#include "resolver/base/result.h"
#include "resolver/base/slab.h"

namespace cenote::base_test {

TEST_CASE("a reader that went too far stays failed and gives nothing", "[base][bytes]") {
  const std::vector<uint8_t> bytes{1, 2, 3};
  ByteReader reader(bytes);
  CHECK(reader.u8() == 1);
  CHECK(reader.u32() == 0);  // two are left: all or nothing
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK(reader.u16() == 0);
  CHECK(reader.bytes(1).empty());
  CHECK(reader.remaining() == 0);
  CHECK_FALSE(ByteReader(bytes, 4).ok());
  CHECK(ByteReader(bytes, 3).ok());
  ByteReader huge(bytes);
  huge.skip(SIZE_MAX);
  CHECK_FALSE(huge.ok());
}

TEST_CASE("numbers are in network byte order", "[base][bytes]") {
  std::vector<uint8_t> bytes(7);
  ByteWriter writer(bytes);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  CHECK(bytes == std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7});
  ByteReader reader(bytes);
  CHECK(reader.u8() == 1);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.ok());
}

TEST_CASE("a writer without room writes nothing more until it is rolled back", "[base][bytes]") {
  std::vector<uint8_t> bytes(5, 0xEE);
  ByteWriter writer(bytes);
  writer.u16(1);
  writer.u32(2);
  CHECK_FALSE(writer.ok());
  writer.u8(3);
  CHECK(writer.size() == 2);
  CHECK(bytes[2] == 0xEE);
  CHECK(writer.room() == 0);
  writer.roll_back(2);
  CHECK(writer.ok());
  writer.u8(3);
  writer.patch_u16(0, 0xABCD);
  CHECK(bytes == std::vector<uint8_t>{0xAB, 0xCD, 3, 0xEE, 0xEE});
}

TEST_CASE("random numbers stay below their bound and reach all of it", "[base][random]") {
  Random random;
  CHECK(random.below(1) == 0);
  std::array<int, 6> seen{};
  for (int i = 0; i < 60'000; ++i) {
    ++seen.at(random.below(6));
  }
  for (const int count : seen) {
    CHECK(count > 9'000);  // 10,000 expected; eleven standard deviations
    CHECK(count < 11'000);
  }
  const uint64_t large = (uint64_t{1} << 63) + 1;
  for (int i = 0; i < 100; ++i) {
    CHECK(random.below(large) < large);
  }
}

TEST_CASE("two sources of randomness differ", "[base][random]") {
  Random one;
  Random other;
  CHECK(one.u64() != other.u64());
}

TEST_CASE("a handle whose object has gone finds nothing", "[base][slab]") {
  Slab<std::string> slab;
  const Handle first = slab.insert("first");
  REQUIRE(slab.find(first));
  CHECK(slab.erase(first));
  CHECK_FALSE(slab.erase(first));
  const Handle second = slab.insert("second");
  CHECK(second.index == first.index);  // the slot is used again
  CHECK_FALSE(slab.find(first));
  CHECK(*slab.find(second) == "second");
  CHECK(slab.size() == 1);
  CHECK_FALSE(slab.find(Handle{}));
}

TEST_CASE("growing does not move what lives", "[base][slab]") {
  Slab<int> slab;
  const Handle first = slab.insert(7);
  const int* where = slab.find(first);
  for (int i = 0; i < 1000; ++i) {
    slab.insert(i);
  }
  CHECK(slab.find(first) == where);
  size_t seen = 0;
  slab.for_each([&](Handle handle, int&) { seen += slab.find(handle) != nullptr ? 1U : 0U; });
  CHECK(seen == 1001);
}

namespace {

// Looks for itself while it is destroyed, as a connection does that reports its end.
struct Curious {
  Slab<std::unique_ptr<Curious>>* slab = nullptr;
  Handle self;
  bool* found = nullptr;
  ~Curious() { *found = slab->find(self) != nullptr; }
};

}  // namespace

TEST_CASE("an object has gone before its destructor runs", "[base][slab]") {
  Slab<std::unique_ptr<Curious>> slab;
  bool found = true;
  const Handle handle = slab.insert(std::make_unique<Curious>());
  **slab.find(handle) = Curious{&slab, handle, &found};
  found = true;
  slab.erase(handle);
  CHECK_FALSE(found);
}

TEST_CASE("a result is a value or an error in its context", "[base][result]") {
  const Result<int> good(7);
  REQUIRE(good);
  CHECK(*good == 7);
  const Result<int> bad = fail("line {}: {}", 3, "too long");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().within("feed urls").message == "feed urls: line 3: too long");
  CHECK(Result<void>());
  CHECK_FALSE(Result<void>(fail("no")));
}

}  // namespace cenote::base_test
