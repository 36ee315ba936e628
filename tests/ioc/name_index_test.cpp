#include "ioc/name_index.h"

#include <map>
#include <random>

#include <catch2/catch.hpp>

namespace cenote::name_index_test {
namespace {

Name name(std::string_view text) {
  return Name::from_text(text).value();
}

struct KeyOrder {
  bool operator()(const Name& a, const Name& b) const {
    const NameKey x(a), y(b);
    return std::lexicographical_compare(x.bytes().begin(), x.bytes().end(), y.bytes().begin(),
                                        y.bytes().end());
  }
};
using Model = std::map<Name, Posting, KeyOrder>;

struct Built {
  std::unique_ptr<const Image> image;
  std::unique_ptr<const NameIndex> index;
};

Built build(const Model& model, uint64_t seed = 7) {
  NameIndexBuilder builder(seed);
  std::vector<Posting> postings;
  for (const auto& [listed, posting] : model) {
    builder.add(NameKey(listed).bytes(), static_cast<uint32_t>(postings.size()));
    postings.push_back(posting);
  }
  ImageWriter writer;
  builder.finish(writer, [&](uint32_t said) { return postings[said]; });
  Built built;
  built.image = std::move(Image::from_bytes(std::move(writer).finish().value())).value();
  built.index = std::move(NameIndex::open(*built.image)).value();
  return built;
}

// What the index must say, in the plainest way.
std::vector<std::pair<size_t, Posting>> expected(const Model& model, const Name& asked) {
  std::vector<std::pair<size_t, Posting>> found;
  for (size_t depth = asked.label_count() + 1; depth-- > 0;) {
    if (const auto it = model.find(asked.suffix(depth)); it != model.end()) {
      found.emplace_back(depth, it->second);
    }
  }
  return found;
}

bool expected_below(const Model& model, const Name& asked) {
  const auto it = model.upper_bound(asked);
  return it != model.end() && it->first.is_at_or_below(asked);
}

void check_same(const Model& model, const NameIndex& index, const Name& asked) {
  std::array<NameIndex::Match, kMaxLabels + 1> out;
  std::vector<std::pair<size_t, Posting>> found;
  for (size_t i = 0, count = index.find(asked, out); i < count; ++i) {
    found.emplace_back(out[i].depth, out[i].posting);
  }
  // Only a difference is worth Catch's time: this runs for millions of names.
  if (found != expected(model, asked) || index.has_below(asked) != expected_below(model, asked)) {
    FAIL("differs for " << asked.to_text());
  }
}

class NameSource {
 public:
  NameSource(uint64_t seed, int alphabet, int most_labels, int most_bytes)
      : random_(seed), alphabet_(alphabet), most_labels_(most_labels), most_bytes_(most_bytes) {}

  Name next() {
    Name made;
    for (int labels = below(most_labels_ + 1); labels > 0; --labels) {
      std::string label;
      for (int bytes = 1 + below(most_bytes_); bytes > 0; --bytes) {
        // A small alphabet takes the bytes that the key escapes; a full one takes every byte.
        label += static_cast<char>(alphabet_ < 256 ? "\0\1\2ab"[below(alphabet_)] : below(256));
      }
      if (!made.prepend_label(label)) {
        break;
      }
    }
    return made;
  }
  int below(int bound) { return static_cast<int>(random_() % static_cast<uint64_t>(bound)); }
  uint64_t number() { return random_(); }

 private:
  std::mt19937_64 random_;
  int alphabet_, most_labels_, most_bytes_;
};

// Postings in name order: some shared, some fresh, in runs and mixed.
void give_postings(Model& model, NameSource& source) {
  uint32_t fresh = 0;
  const int kind = source.below(4);
  for (auto& [listed, posting] : model) {
    const bool is_fresh = kind == 0 ? false : kind == 1 ? true : source.below(3) == 0;
    posting = is_fresh ? Posting::fresh(fresh++)
                       : Posting::shared(static_cast<uint32_t>(kind == 2 ? 0 : source.below(70000)));
  }
}

}  // namespace

TEST_CASE("an empty index finds nothing", "[ioc][name_index]") {
  const Built built = build({});
  check_same({}, *built.index, name("."));
  check_same({}, *built.index, name("www.example.com"));
  CHECK(built.index->size() == 0);
}

TEST_CASE("a listed name is found for itself and for all below it, on label boundaries",
          "[ioc][name_index]") {
  const Model model = {{name("evil.test"), Posting::shared(3)}, {name("a.b.evil.test"), Posting::shared(4)}};
  const Built built = build(model);
  for (const char* asked : {"evil.test", "www.evil.test", "x.a.b.evil.test", "b.evil.test", "devil.test",
                            "il.test", "test", ".", "evil.test.example", "evil"}) {
    check_same(model, *built.index, name(asked));
  }
}

TEST_CASE("the deepest match comes first and a short result keeps the deepest", "[ioc][name_index]") {
  const Model model = {{name("test"), Posting::shared(0)},
                       {name("b.test"), Posting::shared(1)},
                       {name("a.b.test"), Posting::shared(2)}};
  const Built built = build(model);
  std::array<NameIndex::Match, 2> out;
  REQUIRE(built.index->find(name("x.a.b.test"), out) == 2);
  CHECK(out[0].depth == 3);
  CHECK(out[1].depth == 2);
}

TEST_CASE("the root can be listed", "[ioc][name_index]") {
  const Model model = {{Name{}, Posting::shared(9)}, {name("b.test"), Posting::fresh(0)}};
  const Built built = build(model);
  for (const char* asked : {".", "test", "b.test", "a.b.test", "c"}) {
    check_same(model, *built.index, name(asked));
  }
  const Model alone = {{Name{}, Posting::shared(9)}};
  check_same(alone, *build(alone).index, Name{});
  check_same(alone, *build(alone).index, name("test"));
}

TEST_CASE("names of 127 labels and of 255 bytes are found at every depth", "[ioc][name_index]") {
  Name deep;
  while (deep.prepend_label("x")) {
  }
  Name wide;
  while (wide.prepend_label(std::string(63, '\0')) || wide.prepend_label(std::string(61, '\1'))) {
  }
  CHECK(deep.label_count() == 127);
  Model model;
  for (size_t depth = 0; depth <= 127; ++depth) {
    model.emplace(deep.suffix(depth), Posting::shared(static_cast<uint32_t>(depth)));
  }
  model.emplace(wide, Posting::shared(1000));
  const Built built = build(model);
  check_same(model, *built.index, deep);
  check_same(model, *built.index, wide);
  check_same(model, *built.index, wide.suffix(1));
}

TEST_CASE("names that share more than 255 key bytes are told apart", "[ioc][name_index]") {
  Name base;
  while (base.size() < 200) {
    REQUIRE(base.prepend_label(std::string(40, '\1')));  // 80 bytes each in a key
  }
  Model model;
  for (int i = 0; i < 200; ++i) {
    Name one = base;
    REQUIRE(one.prepend_label(std::to_string(i * 7919)));
    model.emplace(one, Posting::fresh(0));
  }
  uint32_t fresh = 0;
  for (auto& [listed, posting] : model) {
    posting = Posting::fresh(fresh++);
  }
  const Built built = build(model);
  for (const auto& [listed, posting] : model) {
    check_same(model, *built.index, listed);
    Name near = listed;
    near = near.suffix(near.label_count() - 1);
    REQUIRE(near.prepend_label(std::to_string(posting.index())));
    check_same(model, *built.index, near);
  }
}

TEST_CASE("every subset of a small universe of names behaves like a plain map", "[ioc][name_index]") {
  std::vector<Name> universe;
  for (const char* text : {".", "a", "b", "a.a", "b.a", "a.b", "b.b", "a.a.a", "b.a.a", "ab.a", "a.ab"}) {
    universe.push_back(name(text));
  }
  for (unsigned subset = 0; subset < 1U << universe.size(); ++subset) {
    Model model;
    for (size_t i = 0; i < universe.size(); ++i) {
      if ((subset >> i & 1) != 0) {
        model.emplace(universe[i], Posting::shared(static_cast<uint32_t>(i)));
      }
    }
    const Built built = build(model, subset);
    for (const Name& asked : universe) {
      check_same(model, *built.index, asked);
    }
  }
}

TEST_CASE("random names behave like a plain map", "[ioc][name_index]") {
  const auto round = GENERATE(range<uint64_t>(0, 60));
  CAPTURE(round);
  NameSource source(round, round % 3 == 0 ? 256 : 3 + static_cast<int>(round % 3),
                    1 + static_cast<int>(round % 7),
                    1 + static_cast<int>(round % 5) * static_cast<int>(round % 5));
  Model model;
  for (int count = source.below(round % 10 == 0 ? 5000 : 300); count > 0; --count) {
    model.emplace(source.next(), Posting::shared(0));
  }
  give_postings(model, source);
  const Built built = build(model, round);
  for (const auto& [listed, posting] : model) {
    check_same(model, *built.index, listed);
  }
  for (int i = 0; i < 1000; ++i) {
    check_same(model, *built.index, source.next());
  }
  NameCursor cursor(*built.index);
  for (const auto& [listed, posting] : model) {
    REQUIRE(cursor.next());
    Name read;
    REQUIRE(name_from_key(cursor.key(), read));
    REQUIRE(read == listed);
    REQUIRE(cursor.posting() == posting);
  }
  REQUIRE_FALSE(cursor.next());
}

}  // namespace cenote::name_index_test
