#include <cstdio>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "tests/ioc/feed_model.h"

namespace cenote::snapshot_test {
namespace {

using namespace test;

std::vector<Hit> find(const Snapshot& snapshot, std::string_view asked) {
  const Hits hits(snapshot, name(asked));
  return {hits.all().begin(), hits.all().end()};
}

}  // namespace

TEST_CASE("an empty snapshot lists nothing", "[ioc][snapshot]") {
  const auto snapshot = open(build_snapshot(nullptr, {}, 5, 1));
  CHECK(snapshot->generation() == 5);
  CHECK(snapshot->names() == 0);
  CHECK(find(*snapshot, "www.example.com").empty());
  CHECK_FALSE(snapshot->has_entry_below(Name{}));
}

TEST_CASE("scopes cover what they say and the most specific comes first", "[ioc][snapshot]") {
  FeedRun run;
  run.add(listed("a.test", Scope::kExact), feed("f"));
  run.add(listed("a.test", Scope::kSuffix), feed("f"));
  run.add(listed("b.test", Scope::kBelow), feed("f"));
  run.finish();
  const FeedPart part{"f", &run};
  const auto snapshot = open(build_snapshot(nullptr, {&part, 1}, 1, 1));
  const auto at_a = find(*snapshot, "a.test");
  REQUIRE(at_a.size() == 2);
  CHECK(at_a[0].scope == Scope::kExact);
  CHECK(at_a[1].scope == Scope::kSuffix);
  REQUIRE(find(*snapshot, "w.a.test").size() == 1);
  CHECK(find(*snapshot, "w.a.test")[0].scope == Scope::kSuffix);
  CHECK(find(*snapshot, "b.test").empty());
  CHECK(find(*snapshot, "w.b.test").size() == 1);
  CHECK(find(*snapshot, "aa.test").empty());
  CHECK(snapshot->has_entry_below(name("test")));
  CHECK_FALSE(snapshot->has_entry_below(name("a.test")));
}

TEST_CASE("a look-up says how many entries there are, whatever room it has", "[ioc][snapshot]") {
  FeedRun run;
  std::string deep = "x.test";
  for (int i = 0; i < 60; ++i) {
    run.add(listed(deep, Scope::kSuffix), feed("f"));
    deep.insert(0, "a.");
  }
  for (int bits = 1; bits <= 32; ++bits) {
    run.add(listed_block("128.0.0.0/" + std::to_string(bits)), feed("f"));
    run.add(listed_block("8000::/" + std::to_string(4 * bits)), feed("f"));
  }
  run.finish();
  const FeedPart part{"f", &run};
  const auto snapshot = open(build_snapshot(nullptr, {&part, 1}, 1, 1));
  CHECK(find(*snapshot, deep).size() == 60);
  CHECK(Hits(*snapshot, *IpAddress::from_text("128.0.0.0")).all().size() == 32);
  std::array<Hit, 2> few;
  CHECK(snapshot->find(name(deep), few) == 60);
  CHECK(few[1].depth == few[0].depth - 1);
  CHECK(snapshot->find(*IpAddress::from_text("8000::"), few) == 32);
  CHECK(few[1].depth == 124);
}

TEST_CASE("entries that allow a name push no block of it out, however many they are", "[ioc][snapshot]") {
  FeedRun block;
  block.add(listed("x.test", Scope::kSuffix), feed("c2"));
  block.finish();
  FeedRun allow;
  for (int i = 0; i < 5000; ++i) {
    Indicator indicator = listed("x.test", Scope::kExact);
    indicator.action = Action::kAllow;
    const std::string id = "id-" + std::to_string(i);
    indicator.source_ref = id;
    allow.add(indicator, feed("other"));
  }
  allow.finish();
  const std::array parts{FeedPart{"other", &allow}, FeedPart{"c2", &block}};
  const auto snapshot = open(build_snapshot(nullptr, parts, 1, 1));
  const auto hits = find(*snapshot, "x.test");
  CHECK(hits.size() == 4095);
  CHECK(snapshot->feeds()[snapshot->record(hits.back().record).feed].name == "c2");
}

TEST_CASE("a record says everything its feed said", "[ioc][snapshot]") {
  Indicator indicator = listed("c2.test");
  indicator.category = "c2";
  indicator.threat = "Example RAT";
  indicator.reference = "https://example.com/report";
  indicator.note = "seen twice";
  indicator.source_ref = "indicator--1";
  indicator.confidence = 55;
  indicator.action = Action::kNxdomain;
  indicator.first_seen = WallTime(seconds(1700000000));
  indicator.valid_from = WallTime(seconds(1700000100));
  indicator.valid_until = WallTime(seconds(1900000000));
  FeedRun run;
  run.add(indicator, feed("intel"));
  run.add(listed("plain.test"), feed("intel"));
  run.finish();
  const FeedPart part{"intel", &run};
  const auto snapshot = open(build_snapshot(nullptr, {&part, 1}, 1, 1));
  const auto hits = find(*snapshot, "c2.test");
  REQUIRE(hits.size() == 1);
  const Record record = snapshot->record(hits[0].record);
  CHECK(snapshot->feeds()[record.feed].name == "intel");
  CHECK(snapshot->categories()[record.category] == "c2");
  CHECK(record.threat == "Example RAT");
  CHECK(record.reference == "https://example.com/report");
  CHECK(record.note == "seen twice");
  CHECK(record.source_ref == "indicator--1");
  CHECK(record.confidence == 55);
  CHECK(record.action == Action::kNxdomain);
  CHECK(record.first_seen == 1700000000);
  CHECK(record.valid_from == 1700000100);
  CHECK(record.valid_until == 1900000000);
  const Record plain = snapshot->record(find(*snapshot, "plain.test")[0].record);
  CHECK(snapshot->categories()[plain.category] == "malware");
  CHECK(plain.confidence == 80);
  CHECK(plain.action == Action::kSinkhole);
  CHECK(plain.valid_until == 0);
  CHECK(plain.threat.empty());
}

TEST_CASE("an entry below the feed's confidence is monitored only", "[ioc][snapshot]") {
  FeedSettings settings = feed("f");
  settings.min_confidence = 60;
  Indicator weak = listed("weak.test");
  weak.confidence = 59;
  Indicator strong = listed("strong.test");
  strong.confidence = 60;
  FeedRun run;
  run.add(weak, settings);
  run.add(strong, settings);
  run.finish();
  const FeedPart part{"f", &run};
  const auto snapshot = open(build_snapshot(nullptr, {&part, 1}, 1, 1));
  CHECK(snapshot->record(find(*snapshot, "weak.test")[0].record).action == Action::kMonitor);
  CHECK(snapshot->record(find(*snapshot, "strong.test")[0].record).action == Action::kSinkhole);
}

TEST_CASE("of one entry twice in a feed the one that lasts longest stays", "[ioc][snapshot]") {
  Indicator first = listed("x.test");
  first.valid_until = WallTime(seconds(2000));
  Indicator longer = first;
  longer.valid_until = WallTime(seconds(3000));
  FeedRun run;
  run.add(first, feed("f"));
  run.add(longer, feed("f"));
  run.add(first, feed("f"));
  run.finish();
  REQUIRE(run.entries() == 1);
  const FeedPart part{"f", &run};
  const auto snapshot = open(build_snapshot(nullptr, {&part, 1}, 1, 1));
  CHECK(snapshot->record(find(*snapshot, "x.test")[0].record).valid_until == 3000);
}

TEST_CASE("feeds that are replaced, kept and dropped over many generations behave like plain maps",
          "[ioc][snapshot]") {
  const auto seed = GENERATE(range<uint64_t>(0, 25));
  CAPTURE(seed);
  Worlds worlds(seed);
  Model model;
  std::shared_ptr<const CompiledSnapshot> snapshot;
  for (uint64_t generation = 1; generation <= 8; ++generation) {
    CAPTURE(generation);
    const Model before = model;
    std::map<std::string, FeedRun> runs;
    for (size_t feeds = 1 + worlds.below(3); feeds > 0; --feeds) {
      const std::string changed = "feed" + std::to_string(worlds.below(5));
      model[changed] = worlds.some_feed(seed % 5 == 0 ? 1000 : 60);
      runs[changed] = run_of(changed, model[changed], worlds.random());
    }
    if (worlds.below(4) == 0) {
      const auto gone = model.begin();
      runs.erase(gone->first);
      model.erase(gone);
    }
    std::vector<FeedPart> parts;
    for (const auto& [feed_name, entries] : model) {
      parts.push_back({feed_name, runs.contains(feed_name) ? &runs.at(feed_name) : nullptr});
    }
    std::shuffle(parts.begin(), parts.end(), worlds.random());
    const BuiltSnapshot built = build_snapshot(snapshot.get(), parts, generation, seed);
    snapshot = open(built);
    check_same(model, *snapshot, worlds);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].run == nullptr) {
        continue;
      }
      const auto old = before.find(parts[i].name);
      uint64_t unchanged = 0;
      for (const auto& [entry, reason] : model.at(parts[i].name)) {
        unchanged += old != before.end() && old->second.contains(entry) ? 1U : 0U;
      }
      CHECK(built.differences[i].unchanged == unchanged);
      CHECK(built.differences[i].added == model.at(parts[i].name).size() - unchanged);
      CHECK(built.differences[i].removed == (old == before.end() ? 0 : old->second.size() - unchanged));
    }
  }
}

TEST_CASE("a snapshot file is mapped back, and refused with the reason when it is damaged",
          "[ioc][snapshot]") {
  FeedRun run;
  run.add(listed("x.test"), feed("f"));
  run.finish();
  const FeedPart part{"f", &run};
  const BuiltSnapshot built = build_snapshot(nullptr, {&part, 1}, 77, 1);
  const std::string path =
      (std::filesystem::temp_directory_path() / ("cenote-test-" + std::to_string(::getpid()) + ".snapshot"))
          .string();
  const auto write = [&](const std::vector<uint8_t>& bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  write(built.image);
  {
    const auto snapshot = CompiledSnapshot::open(path);
    REQUIRE(snapshot);
    CHECK((*snapshot)->generation() == 77);
    CHECK(find(**snapshot, "x.test").size() == 1);
  }
  auto cut = built.image;
  cut.resize(cut.size() / 2);
  write(cut);
  CHECK_THAT(CompiledSnapshot::open(path).error().message, Catch::Contains("cut short"));
  auto flipped = built.image;
  flipped[flipped.size() / 2] ^= 1;
  write(flipped);
  CHECK_THAT(CompiledSnapshot::open(path).error().message, Catch::Contains("checksum"));
  write({'h', 'i'});
  CHECK_THAT(CompiledSnapshot::open(path).error().message, Catch::Contains("no snapshot"));
  std::remove(path.c_str());
  CHECK_THAT(CompiledSnapshot::open(path).error().message, Catch::Contains("No such file"));
}

TEST_CASE("what the fuzz target begins with are images of this version", "[ioc][snapshot]") {
  size_t loaded = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(CENOTE_SOURCE_DIR "/tests/fuzz/corpus/snapshot")) {
    CAPTURE(file.path());
    std::ifstream in(file.path(), std::ios::binary);
    std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
    reseal_image(bytes);  // as the target does
    auto image = Image::from_bytes(bytes);
    REQUIRE(image);
    loaded += CompiledSnapshot::from_image(std::move(*image)) ? 1U : 0U;
  }
  CHECK(loaded >= 4);  // the others are damaged
}

}  // namespace cenote::snapshot_test
