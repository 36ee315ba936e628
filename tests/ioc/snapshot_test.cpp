#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "ioc/compiled_snapshot.h"
#include "ioc/snapshot_builder.h"

namespace cenote {
namespace {

Name name(std::string_view text) {
  return Name::from_text(text).value();
}

std::unique_ptr<const CompiledSnapshot> open(const BuiltSnapshot& built) {
  auto image = Image::from_bytes(built.image);
  REQUIRE(image);
  auto snapshot = CompiledSnapshot::from_image(std::move(*image));
  REQUIRE(snapshot);
  return std::move(*snapshot);
}

Indicator listed(std::string_view text, Scope scope = Scope::kExact) {
  Indicator indicator;
  indicator.name = name(text);
  indicator.scope = scope;
  return indicator;
}
Indicator listed_block(std::string_view text) {
  Indicator indicator;
  indicator.kind = Indicator::Kind::kAddress;
  indicator.prefix = Prefix::from_text(text).value();
  return indicator;
}
FeedSettings feed(std::string text) {
  FeedSettings settings;
  settings.name = std::move(text);
  return settings;
}

std::vector<Hit> find(const Snapshot& snapshot, std::string_view asked) {
  std::vector<Hit> hits(kMaxHits);
  hits.resize(snapshot.find(name(asked), hits));
  return hits;
}

// What several feeds say, as plainly as can be: feed -> (entry -> reason).
struct Entry {
  std::string what;  // name or prefix text
  Scope scope;
  bool allow;
  auto operator<=>(const Entry&) const = default;
};
using FeedModel = std::map<Entry, std::string>;
using Model = std::map<std::string, FeedModel>;

FeedRun run_of(const std::string& feed_name, const FeedModel& entries, std::mt19937_64& random) {
  FeedRun run;
  std::vector<std::pair<Entry, std::string>> shuffled(entries.begin(), entries.end());
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  for (const auto& [entry, reason] : shuffled) {
    const bool is_block = entry.what.find('/') != std::string::npos;
    Indicator indicator = is_block ? listed_block(entry.what) : listed(entry.what, entry.scope);
    indicator.scope = entry.scope;
    indicator.allow = entry.allow;
    indicator.threat = reason;
    run.add(indicator, feed(feed_name));
    if (random() % 4 == 0) {
      run.add(indicator, feed(feed_name));
    }
  }
  run.finish();
  return run;
}

using Said =
    std::multiset<std::tuple<std::string, int, int, bool, std::string>>;  // feed, depth, scope, allow, reason

template <typename Asked>
Said said_by(const Snapshot& snapshot, const Asked& asked) {
  std::array<Hit, 2048> hits;
  const size_t count = snapshot.find(asked, hits);
  Said said;
  for (size_t i = 0; i < count; ++i) {
    const Record record = snapshot.record(hits[i].record);
    said.emplace(snapshot.feeds().at(record.feed).name, hits[i].depth, static_cast<int>(hits[i].scope),
                 record.action == Action::kAllow, record.threat);
    if (i > 0) {
      const bool in_order = hits[i - 1].depth > hits[i].depth ||
                            (hits[i - 1].depth == hits[i].depth && hits[i - 1].scope <= hits[i].scope);
      if (!in_order) {
        FAIL("hit " << i << " is out of order");
      }
    }
  }
  return said;
}

Said expected(const Model& model, const Name& asked) {
  Said said;
  for (const auto& [feed_name, entries] : model) {
    for (const auto& [entry, reason] : entries) {
      if (entry.what.find('/') != std::string::npos) {
        continue;
      }
      const Name own = name(entry.what);
      const bool covers = entry.scope == Scope::kExact   ? asked == own
                          : entry.scope == Scope::kBelow ? asked.is_at_or_below(own) && !(asked == own)
                                                         : asked.is_at_or_below(own);
      if (covers) {
        said.emplace(feed_name, own.label_count(), static_cast<int>(entry.scope), entry.allow, reason);
      }
    }
  }
  return said;
}

Said expected(const Model& model, const IpAddress& asked) {
  Said said;
  for (const auto& [feed_name, entries] : model) {
    for (const auto& [entry, reason] : entries) {
      if (entry.what.find('/') == std::string::npos) {
        continue;
      }
      const Prefix prefix = Prefix::from_text(entry.what).value();
      if (prefix.contains(asked)) {
        said.emplace(feed_name, prefix.length, static_cast<int>(Scope::kSuffix), entry.allow, reason);
      }
    }
  }
  return said;
}

class Worlds {
 public:
  explicit Worlds(uint64_t seed) : random_(seed) {}
  std::mt19937_64& random() { return random_; }
  size_t below(size_t bound) { return random_() % bound; }
  std::string some_name() {
    std::string text;
    for (size_t labels = 1 + below(4); labels > 0; --labels) {
      text += std::string(1, "abcd"[below(4)]) + (below(3) == 0 ? "x" : "") + (labels > 1 ? "." : "");
    }
    return text;
  }
  IpAddress some_address() {
    const auto low = static_cast<uint8_t>(below(256));
    if (below(2) == 0) {
      return IpAddress::v4({192, 0, static_cast<uint8_t>(below(4)), low});
    }
    std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[7] = static_cast<uint8_t>(below(3));
    bytes[15] = low;
    return IpAddress::v6(bytes);
  }
  std::string some_prefix() {
    const IpAddress address = some_address();
    const size_t bits = address.is_v4() ? 32 : 128;
    const auto length = static_cast<uint8_t>(below(3) == 0 ? bits : below(bits + 1));
    std::vector<uint8_t> bytes(address.bytes().begin(), address.bytes().end());
    for (size_t bit = length; bit < bits; ++bit) {
      bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
    }
    return IpAddress::from_bytes(bytes)->to_text() + "/" + std::to_string(length);
  }
  FeedModel some_feed(size_t most) {
    FeedModel entries;
    for (size_t count = below(most); count > 0; --count) {
      const bool is_block = below(4) == 0;
      Entry entry{is_block ? some_prefix() : some_name(),
                  is_block ? Scope::kSuffix : static_cast<Scope>(below(3)), below(8) == 0};
      entries[entry] = "reason " + std::to_string(below(below(2) == 0 ? 3 : 1000));
    }
    return entries;
  }

 private:
  std::mt19937_64 random_;
};

void check_same(const Model& model, const CompiledSnapshot& snapshot, Worlds& worlds) {
  for (int i = 0; i < 300; ++i) {
    const Name asked = name(worlds.some_name());
    if (said_by(snapshot, asked) != expected(model, asked)) {
      FAIL("differs for " << asked.to_text());
    }
    const IpAddress address = worlds.some_address();
    if (said_by(snapshot, address) != expected(model, address)) {
      FAIL("differs for " << address.to_text());
    }
  }
  std::set<std::pair<std::string, Scope>> names;
  std::set<std::string> blocks;
  for (const auto& [feed_name, entries] : model) {
    for (const auto& [entry, reason] : entries) {
      if (entry.what.find('/') == std::string::npos) {
        names.emplace(entry.what, entry.scope);
      } else {
        blocks.insert(entry.what);
      }
    }
  }
  REQUIRE(snapshot.names() == names.size());
  REQUIRE(snapshot.addresses() == blocks.size());
  for (const SnapshotFeed& each : snapshot.feeds()) {
    REQUIRE(each.entries == model.at(each.name).size());
  }
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
  std::unique_ptr<const CompiledSnapshot> snapshot;
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

}  // namespace cenote
