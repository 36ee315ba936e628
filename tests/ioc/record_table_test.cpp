#include "ioc/record_table.h"

#include <random>
#include <set>

#include <catch2/catch.hpp>

namespace cenote::record_table_test {
namespace {

struct Built {
  std::unique_ptr<const Image> image;
  std::unique_ptr<const RecordTable> table;
  std::vector<uint32_t> blocks;
};

Built build(RecordTableBuilder& builder) {
  ImageWriter writer;
  Built built;
  built.blocks = builder.finish(writer);
  built.image = std::move(Image::from_bytes(std::move(writer).finish().value())).value();
  built.table = std::move(RecordTable::open(*built.image)).value();
  return built;
}

RecordRow some_row(RecordTableBuilder& builder, std::mt19937_64& random) {
  RecordProfile profile;
  profile.feed = static_cast<uint16_t>(random() % 4);
  profile.category = static_cast<uint8_t>(random() % 3);
  profile.action = static_cast<Action>(1 + random() % 7);
  profile.confidence = static_cast<uint8_t>(random() % 101);
  profile.scope = static_cast<Scope>(random() % 3);
  profile.origin = static_cast<Origin>(random() % 2);
  RecordRow row;
  row.columns[RecordRow::kProfile] = builder.intern(profile);
  for (const auto column : {RecordRow::kFirstSeen, RecordRow::kValidFrom, RecordRow::kValidUntil}) {
    row.columns[column] = random() % 3 == 0 ? 0 : 1'700'000'000 + random() % 100'000'000;
  }
  for (const auto column :
       {RecordRow::kThreat, RecordRow::kReference, RecordRow::kNote, RecordRow::kSourceRef}) {
    row.columns[column] =
        builder.texts.intern(random() % 2 == 0 ? "" : "text " + std::to_string(random() % 50));
  }
  return row;
}

}  // namespace

TEST_CASE("names and blocks get back the very records they were given", "[ioc][record_table]") {
  const auto seed = GENERATE(range<uint64_t>(0, 20));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  RecordTableBuilder builder;
  std::vector<RecordRow> rows;
  for (size_t i = 1 + random() % 300; i > 0; --i) {
    rows.push_back(some_row(builder, random));
    builder.add(rows.back());
  }
  const auto some_list = [&] {
    std::set<uint32_t> records;
    for (size_t i = random() % 4 == 0 ? 1 + random() % 5 : 1; i > 0; --i) {
      records.insert(static_cast<uint32_t>(random() % rows.size()));
    }
    return std::vector<uint32_t>(records.begin(), records.end());
  };
  std::vector<std::vector<uint32_t>> names(random() % 500);
  std::vector<uint32_t> refs;
  std::vector<std::vector<uint32_t>> blocks(random() % 50);
  for (auto& list : names) {
    list = some_list();
    refs.push_back(builder.list_name(list));
  }
  for (auto& list : blocks) {
    list = some_list();
    builder.list_address(list);
  }
  const Built built = build(builder);
  const auto same = [&](const std::vector<uint32_t>& given, Items<uint32_t> got) {
    REQUIRE(given.size() == got.size());
    for (size_t i = 0; i < given.size(); ++i) {
      REQUIRE(built.table->row(got[i]).columns == rows[given[i]].columns);
    }
  };
  uint32_t fresh = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    uint32_t single = 0;
    const Posting posting = builder.posting_of(refs[i]);
    same(names[i], built.table->listed(posting, single));
    if (posting.is_fresh()) {
      REQUIRE(posting.index() == fresh++);  // in the order of the names
    }
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    uint32_t single = 0;
    same(blocks[i], built.table->listed(built.blocks[i], single));
  }
}

TEST_CASE("a table without records takes any question", "[ioc][record_table]") {
  RecordTableBuilder builder;
  const Built built = build(builder);
  uint32_t single = 0;
  CHECK(built.table->size() == 0);
  CHECK(built.table->listed(Posting::shared(0), single).empty());
  CHECK(built.table->listed(Posting::fresh(7), single).empty());
  CHECK(built.table->record(12).threat.empty());
  CHECK(built.table->fits(0, 0));
}

TEST_CASE("times and texts of 64 bits and of none stand side by side", "[ioc][record_table]") {
  RecordTableBuilder builder;
  RecordRow row;
  row.columns[RecordRow::kProfile] = builder.intern({});
  row.columns[RecordRow::kFirstSeen] = 1;
  row.columns[RecordRow::kValidUntil] = INT64_MAX;
  const RecordRow empty{{row.columns[RecordRow::kProfile]}};
  std::vector<uint32_t> both = {builder.add(row), builder.add(empty)};
  const uint32_t ref = builder.list_name(both);
  const Built built = build(builder);
  uint32_t single = 0;
  const Items<uint32_t> listed = built.table->listed(builder.posting_of(ref), single);
  REQUIRE(listed.size() == 2);
  CHECK(built.table->record(listed[0]).valid_until == INT64_MAX);
  CHECK(built.table->record(listed[1]).valid_until == 0);
}

}  // namespace cenote::record_table_test
