#include "ioc/overlay.h"

#include <catch2/catch.hpp>

#include "ioc/overlaid_snapshot.h"
#include "tests/ioc/feed_model.h"

namespace cenote::overlay_test {
namespace {

using namespace test;

// How many random worlds each of these tests makes: with AddressSanitizer one takes ten times as long.
#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kWorlds = 8;
#else
constexpr uint64_t kWorlds = 40;
#endif

// Several feeds, in force as a base and an overlay, beside the same feeds as plain maps.
class World {
 public:
  explicit World(uint64_t seed) : worlds(seed) {
    for (size_t i = 0; i < kFeeds; ++i) {
      model["feed" + std::to_string(i)] = worlds.some_feed(seed % 4 == 0 ? 400 : 40);
    }
    rebuild();
  }

  // All feeds anew, nothing taken over.
  std::shared_ptr<const CompiledSnapshot> compiled() {
    std::map<std::string, FeedRun> runs;
    std::vector<FeedPart> parts;
    for (const auto& [feed_name, entries] : model) {
      runs[feed_name] = run_of(feed_name, entries, worlds.random());
      parts.push_back({feed_name, &runs[feed_name]});
    }
    return open(build_snapshot(nullptr, parts, generation, worlds.random()()));
  }
  void rebuild() { layers = {compiled(), nullptr}; }

  // What is in force, as a base of its own.
  [[nodiscard]] std::shared_ptr<const CompiledSnapshot> folded() {
    std::vector<FeedPart> parts;
    for (const auto& [feed_name, entries] : model) {
      parts.push_back({feed_name, nullptr});
    }
    return open(build_snapshot(layers.base.get(), layers.overlay.get(), parts,
                               {generation, worlds.random()(), {}, nullptr})
                    .value());
  }

  // Takes some names out of a feed and puts some in.
  void change(size_t most) {
    const std::string feed_name = "feed" + std::to_string(worlds.below(kFeeds));
    FeedModel& entries = model[feed_name];
    const Origin origin = worlds.below(3) == 0 ? Origin::kByHand : Origin::kList;
    const bool takes_all = worlds.below(3) == 0;
    OverlayChange change;
    change.feed = static_cast<FeedId>(feed_name.back() - '0');
    change.origin = takes_all ? std::nullopt : std::optional(origin);
    const FeedModel before = entries;
    for (size_t i = worlds.below(most); i > 0; --i) {
      const std::string what = some_listed(before);
      what.find('/') == std::string::npos ? change.gone_names.push_back(name(what))
                                          : change.gone_blocks.push_back(Prefix::from_text(what).value());
      std::erase_if(entries, [&](const auto& each) {
        return each.first.what == what && (takes_all || each.first.origin == origin);
      });
    }
    FeedModel coming;
    for (size_t i = worlds.below(most + 1); i > 0; --i) {
      Entry entry{some_listed(before), static_cast<Scope>(worlds.below(3)), worlds.below(5) == 0, origin};
      entry.scope = entry.is_block() ? Scope::kSuffix : entry.scope;
      coming[entry] = "reason " + std::to_string(worlds.below(20));
    }
    for (const auto& [entry, reason] : coming) {
      std::string& said = entries[entry];
      said = std::max(said, reason);  // of equals the one that says more, however they came
    }
    const FeedRun run = run_of(feed_name, coming, worlds.random());
    change.coming = &run;
    ++generation;
    const ChangedOverlay changed = change_overlay(layers, change, generation);
    layers.overlay = changed.overlay;
    check_difference(before, entries, changed);
  }

  void check() {
    const OverlaidSnapshot snapshot(
        {layers.base, layers.overlay ? layers.overlay : empty_overlay(*layers.base)}, generation);
    check_same(model, snapshot, worlds);
    REQUIRE(snapshot.generation() == generation);
  }

  Worlds worlds;
  Model model;
  Layers layers;
  uint64_t generation = 1;

 private:
  static constexpr size_t kFeeds = 3;

  std::string some_listed(const FeedModel& entries) {
    if (entries.empty() || worlds.below(3) == 0) {
      return worlds.below(4) == 0 ? worlds.some_prefix() : worlds.some_name();
    }
    return std::next(entries.begin(), static_cast<ptrdiff_t>(worlds.below(entries.size())))->first.what;
  }
  static void check_difference(const FeedModel& before, const FeedModel& after,
                               const ChangedOverlay& changed) {
    const auto distinct = [](const FeedModel& entries) {
      std::set<Entry> all;
      for (const auto& [entry, reason] : entries) {
        all.insert({entry.what, entry.scope, entry.allow, Origin::kList});
      }
      return all;
    };
    const std::set<Entry> old_entries = distinct(before);
    const std::set<Entry> new_entries = distinct(after);
    const auto missing = [](const std::set<Entry>& those, const std::set<Entry>& in) {
      return static_cast<uint64_t>(
          std::count_if(those.begin(), those.end(), [&](const Entry& each) { return !in.contains(each); }));
    };
    REQUIRE(changed.added == missing(new_entries, old_entries));
    REQUIRE(changed.removed == missing(old_entries, new_entries));
  }
};

}  // namespace

TEST_CASE("changes over a base behave like plain maps, and like everything compiled anew", "[ioc][overlay]") {
  const auto seed = GENERATE(range<uint64_t>(0, kWorlds));
  CAPTURE(seed);
  World world(seed);
  for (int step = 0; step < 25; ++step) {
    CAPTURE(step);
    world.change(seed % 3 == 0 ? 3 : 25);
    world.check();
    if (step % 8 == 7) {
      check_same(world.model, *world.compiled(), world.worlds);
    }
  }
}

TEST_CASE("an overlay folds into a base that says the same", "[ioc][overlay]") {
  const auto seed = GENERATE(range<uint64_t>(100, 100 + kWorlds / 2));
  CAPTURE(seed);
  World world(seed);
  for (int round = 0; round < 6; ++round) {
    for (int step = 0; step < 4; ++step) {
      world.change(10);
    }
    const auto base = world.folded();
    check_same(world.model, *base, world.worlds);
    world.layers = {base, nullptr};
    world.check();
  }
}

TEST_CASE("what changes while an overlay is folded stands over the new base", "[ioc][overlay]") {
  const auto seed = GENERATE(range<uint64_t>(200, 200 + kWorlds));
  CAPTURE(seed);
  World world(seed);
  for (int round = 0; round < 5; ++round) {
    for (int step = 0; step < 3; ++step) {
      world.change(10);
    }
    const auto base = world.folded();
    const uint64_t folded = world.generation;
    for (int step = 0; step < 3; ++step) {
      world.change(6);
    }
    world.layers = {base, rebase_overlay(world.layers, folded, *base)};
    world.check();
    world.change(6);
    world.check();
  }
}

TEST_CASE("what a person added and what the list says stand side by side", "[ioc][overlay]") {
  const Entry in_list{"x.test", Scope::kSuffix, false, Origin::kList};
  const Entry by_hand{"x.test", Scope::kSuffix, false, Origin::kByHand};
  std::mt19937_64 random(1);
  const FeedRun list = run_of("f", {{in_list, "list"}}, random);
  const FeedRun hand = run_of("f", {{by_hand, "hand"}}, random);
  const FeedPart part{"f", &list};
  Layers layers{open(build_snapshot(nullptr, {&part, 1}, 1, 1)), nullptr};
  const ChangedOverlay added = change_overlay(layers, {0, Origin::kByHand, {name("x.test")}, {}, &hand}, 2);
  CHECK(added.added == 0);  // the feed listed it before
  layers.overlay = added.overlay;
  CHECK(OverlaidSnapshot(layers, 2).feeds()[0].entries == 1);
  const Said both = {{"f", 2, static_cast<int>(Scope::kSuffix), false, "hand"},
                     {"f", 2, static_cast<int>(Scope::kSuffix), false, "list"}};
  CHECK(said_by(OverlaidSnapshot(layers, 2), name("w.x.test")) == both);
  FeedRun nothing;
  nothing.finish();
  const ChangedOverlay taken_back =
      change_overlay(layers, {0, Origin::kByHand, {name("x.test")}, {}, &nothing}, 3);
  CHECK(taken_back.removed == 0);
  layers.overlay = taken_back.overlay;
  const Said alone = {{"f", 2, static_cast<int>(Scope::kSuffix), false, "list"}};
  CHECK(said_by(OverlaidSnapshot(layers, 3), name("w.x.test")) == alone);
}

TEST_CASE("a result that is too short keeps the most specific, of both layers", "[ioc][overlay]") {
  std::mt19937_64 random(1);
  const FeedRun list =
      run_of("f", {{{"test", Scope::kSuffix, false}, "t"}, {{"a.test", Scope::kSuffix, false}, "a"}}, random);
  const FeedRun more = run_of("f", {{{"b.a.test", Scope::kSuffix, false}, "b"}}, random);
  const FeedPart part{"f", &list};
  Layers layers{open(build_snapshot(nullptr, {&part, 1}, 1, 1)), nullptr};
  layers.overlay = change_overlay(layers, {0, Origin::kList, {}, {}, &more}, 2).overlay;
  std::array<Hit, 2> hits;
  REQUIRE(OverlaidSnapshot(layers, 2).find(name("x.b.a.test"), hits) == 3);  // so many there are
  CHECK(hits[0].depth == 3);
  CHECK(hits[1].depth == 2);
}

}  // namespace cenote::overlay_test
