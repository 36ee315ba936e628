#include "resolver/dns/name.h"

#include <random>

#include <catch2/catch.hpp>

#include "resolver/dns/types.h"

namespace cenote::name_test {
namespace {

Name name(std::string_view text) {
  return Name::from_text(text).value();
}

std::vector<uint8_t> wire(std::initializer_list<std::string_view> labels) {
  std::vector<uint8_t> out;
  for (const std::string_view label : labels) {
    out.push_back(static_cast<uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  out.push_back(0);
  return out;
}

std::string labels_of(size_t count, size_t size) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += std::string(size, 'a') + '.';
  }
  return text;
}

// Twelve bytes in front, as a message has them.
std::vector<uint8_t> message(std::initializer_list<int> body) {
  std::vector<uint8_t> out(12, 0);
  for (const int byte : body) {
    out.push_back(static_cast<uint8_t>(byte));
  }
  return out;
}

}  // namespace

TEST_CASE("a name is the same in any letter case", "[dns][name]") {  // RFC 4343
  CHECK(name("WWW.Example.TEST") == name("www.example.test"));
  CHECK(name("www.example.test.") == name("www.example.test"));
  CHECK_FALSE(name("www.example.test") == name("ww.example.test"));
  CHECK(Name::from_wire(wire({"WWW", "Example"})) == name("www.example"));
}

TEST_CASE("the root is one byte and reads as a dot", "[dns][name]") {
  CHECK(name(".") == Name());
  CHECK(Name().to_text() == ".");
  CHECK(Name().size() == 1);
  CHECK(Name().label_count() == 0);
}

TEST_CASE("escapes stand for the byte that they name", "[dns][name]") {  // RFC 1035 section 5.1
  const auto [text, first_label] = GENERATE(table<std::string, std::string>({
      {"a\\.b.example", "a.b"},
      {"a\\046b.example", "a.b"},
      {"\\000\\255.example", std::string("\0\xff", 2)},
      {"\\\\.example", "\\"},
      {"\\065.example", "a"},  // also an escaped letter loses its case
      {"sp\\ ace.example", "sp ace"},
  }));
  CAPTURE(text);
  const Name parsed = name(text);
  CHECK(as_text(parsed.wire().subspan(1, parsed.wire()[0])) == first_label);
  CHECK(Name::from_text(parsed.to_text()) == parsed);
}

TEST_CASE("what is no name is refused", "[dns][name]") {
  const std::string text =
      GENERATE(as<std::string>(), "", "..", ".a", "a..b", "a\\", "a\\1", "a\\12", "a\\256", "a\\25x",
               std::string(64, 'a'), labels_of(4, 63), labels_of(128, 1));
  CAPTURE(text);
  CHECK_FALSE(Name::from_text(text));
}

TEST_CASE("labels hold 63 bytes, names 255 bytes and 127 labels", "[dns][name]") {  // RFC 1035 section 2.3.4
  CHECK(name(std::string(63, 'a')).size() == 65);
  const std::string longest = labels_of(3, 63) + std::string(61, 'b');
  CHECK(name(longest).size() == 255);
  CHECK(name(longest + ".").size() == 255);
  CHECK_FALSE(Name::from_text(longest + "b"));
  CHECK_FALSE(Name::from_text(longest + "b."));
  const Name most = name(labels_of(127, 1));
  CHECK(most.size() == 255);
  CHECK(most.label_count() == 127);
  CHECK(NameLabels(most).count() == 127);
  CHECK(most.suffix(126).label_count() == 126);
}

TEST_CASE("text is printable whatever the name holds", "[dns][name]") {
  Name hostile;
  REQUIRE(hostile.prepend_label(std::string_view("\x1b[2J\n\0\x7f\xe2\x80\xae\"'<", 13)));
  for (const char c : hostile.to_text()) {
    CHECK(c > ' ');
    CHECK(c < 0x7F);
  }
  CHECK(Name::from_text(hostile.to_text()) == hostile);
}

TEST_CASE("any wire form survives text and back", "[dns][name]") {
  const auto seed = GENERATE(take(8, random(1, 1 << 30)));
  CAPTURE(seed);
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  for (int i = 0; i < 500; ++i) {
    Name made;
    for (size_t label = random() % 12; label > 0; --label) {
      std::string bytes(1 + random() % 30, '\0');
      for (char& c : bytes) {
        c = static_cast<char>(random());
      }
      made.prepend_label(bytes);
    }
    REQUIRE(Name::from_text(made.to_text()) == made);
    REQUIRE(Name::from_wire(made.wire()) == made);
    ByteReader reader(made.wire());
    Name read;
    REQUIRE(Name::read(reader, read));
    REQUIRE(read == made);
    REQUIRE(reader.remaining() == 0);
  }
}

TEST_CASE("below means below a label, never inside one", "[dns][name]") {
  CHECK(name("www.example.test").is_at_or_below(name("example.test")));
  CHECK(name("example.test").is_at_or_below(name("example.test")));
  CHECK(name("example.test").is_at_or_below(Name()));
  CHECK(Name().is_at_or_below(Name()));
  CHECK_FALSE(name("badexample.test").is_at_or_below(name("example.test")));
  CHECK_FALSE(name("example.test").is_at_or_below(name("www.example.test")));
  CHECK_FALSE(name("example.test.other").is_at_or_below(name("example.test")));
  // The tail's bytes are there, but as part of a label: "\007example\004test" is one label here.
  Name tricky;
  REQUIRE(tricky.prepend_label("x\007example\004test"));
  CHECK_FALSE(tricky.is_at_or_below(name("example.test")));
}

TEST_CASE("a suffix keeps the last labels", "[dns][name]") {
  const Name full = name("a.b.example.test");
  CHECK(full.suffix(0) == Name());
  CHECK(full.suffix(1) == name("test"));
  CHECK(full.suffix(3) == name("b.example.test"));
  CHECK(full.suffix(4) == full);
  CHECK(full.suffix(9) == full);
  const NameLabels labels(full);
  CHECK(labels.count() == 4);
  CHECK(labels.offset(0) == 0);
  CHECK(labels.offset(2) == 4);
}

TEST_CASE("a label is put in front only where it fits", "[dns][name]") {
  Name grown = name("example");
  CHECK(grown.prepend_label("WWW"));
  CHECK(grown == name("www.example"));
  CHECK_FALSE(grown.prepend_label(""));
  CHECK_FALSE(grown.prepend_label(std::string(64, 'a')));
  Name full = name(labels_of(3, 63) + std::string(60, 'b'));  // 254 bytes
  CHECK_FALSE(full.prepend_label("a"));
  CHECK(full.size() == 254);
}

TEST_CASE("wire form must end with its root label", "[dns][name]") {
  auto cut = wire({"www", "example"});
  CHECK(Name::from_wire(cut));
  auto longer = cut;
  longer.push_back(0);
  CHECK_FALSE(Name::from_wire(longer));
  cut.pop_back();
  CHECK_FALSE(Name::from_wire(cut));
  CHECK_FALSE(Name::from_wire(std::vector<uint8_t>{0xC0, 0x00}));
  CHECK_FALSE(Name::from_wire(Bytes()));
}

TEST_CASE("capitals are made small and no other byte, however long the name is", "[dns][name]") {
  for (size_t size = 1; size <= kMaxLabelBytes; ++size) {
    for (unsigned first = 0; first < 256; ++first) {
      std::vector<uint8_t> written = message({static_cast<int>(size)});
      std::vector<uint8_t> small{static_cast<uint8_t>(size)};
      for (size_t i = 0; i < size; ++i) {
        written.push_back(static_cast<uint8_t>(first + i));
        small.push_back(lower(written.back()));
      }
      written.push_back(0);
      small.push_back(0);
      ByteReader reader(written, kHeaderBytes);
      Name read;
      REQUIRE(Name::read(reader, read));
      REQUIRE(std::equal(small.begin(), small.end(), read.wire().begin(), read.wire().end()));
      REQUIRE(read.is_written(Bytes(written).subspan(kHeaderBytes)));
    }
  }
}

TEST_CASE("a name is recognised where it is written in any letter case", "[dns][name]") {
  const Name asked = name("www.example.test");
  CHECK(asked.is_written(wire({"www", "example", "test"})));
  CHECK(asked.is_written(wire({"wWw", "EXAMPLE", "Test"})));
  CHECK_FALSE(asked.is_written(wire({"www", "example", "tesu"})));
  CHECK_FALSE(asked.is_written(wire({"www.example", "test"})));
  CHECK_FALSE(asked.is_written(wire({"www", "example"})));
  CHECK_FALSE(asked.is_written(wire({"www", "example", "test", "a"})));
  CHECK(Name().is_written(wire({})));
}

TEST_CASE("compression is followed backwards and the reader goes on behind it",
          "[dns][name]") {  // RFC 1035 4.1.4
  // 12: "test", 18: "example" -> 12, 28: "www" -> 18
  const auto bytes = message({4,   't', 'e',  's', 't', 0,   7,   'e', 'x',  'a', 'm',  'p',
                              'l', 'e', 0xC0, 12,  3,   'w', 'w', 'w', 0xC0, 18,  0xAB, 0xCD});
  ByteReader reader(bytes, 28);
  Name read;
  REQUIRE(Name::read(reader, read));
  CHECK(read == name("www.example.test"));
  CHECK(reader.u16() == 0xABCD);
}

TEST_CASE("a pointer that leads forward, in a circle, into the header or out is refused", "[dns][name]") {
  const auto [start, body] = GENERATE(table<size_t, std::vector<uint8_t>>({
      {12, message({0xC0, 12})},             // itself
      {12, message({0xC0, 14, 1, 'a', 0})},  // forward
      {14, message({0xC0, 14, 0xC0, 12})},   // a circle of two
      {12, message({1, 'a', 0xC0, 12})},     // a circle with a label in it
      {12, message({1, 'a', 0xC0, 13})},     // into its own middle
      {12, message({0xC0, 0})},              // the header is no name
      {12, message({0xC0, 11})},
      {12, message({0xFF, 0xFF})},    // beyond the end
      {12, message({0xC0})},          // half a pointer
      {12, message({0x40, 'a', 0})},  // reserved label types
      {12, message({0x80, 'a', 0})},
      {12, message({5, 'a', 'b'})},  // a label cut off
      {12, message({1, 'a'})},       // no end
      {12, message({})},
  }));
  CAPTURE(start, body);
  ByteReader reader(body, start);
  Name read = name("left.over.test");
  CHECK_FALSE(Name::read(reader, read));
  CHECK_FALSE(reader.ok());
  CHECK(read == Name());
  CHECK(read.label_count() == 0);
}

TEST_CASE("a name may not grow beyond 255 bytes through pointers", "[dns][name]") {
  std::vector<uint8_t> bytes(12, 0);
  const auto add_labels = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) {
      bytes.push_back(63);
      bytes.insert(bytes.end(), 63, 'a');
    }
  };
  add_labels(3);  // 192 bytes at 12
  bytes.push_back(0);
  const size_t second = bytes.size();
  add_labels(1);
  bytes.push_back(0xC0);
  bytes.push_back(12);
  ByteReader reader(bytes, second);
  Name read;
  CHECK_FALSE(Name::read(reader, read));  // 64 + 192 + 1 = 257
}

TEST_CASE("a long chain of pointers is refused before it costs anything", "[dns][name]") {  // CVE-2024-8508
  auto bytes = message({1, 'a', 0});
  size_t last = 12;
  for (int i = 0; i < 5000; ++i) {
    const size_t here = bytes.size();
    bytes.push_back(static_cast<uint8_t>(0xC0 | (last >> 8)));
    bytes.push_back(static_cast<uint8_t>(last));
    last = here;
  }
  Name read;
  ByteReader few(bytes, 15 + 2 * 10);
  CHECK(Name::read(few, read));
  CHECK(read == name("a"));
  ByteReader many(bytes, last);
  CHECK_FALSE(Name::read(many, read));
}

}  // namespace cenote::name_test
