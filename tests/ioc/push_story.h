// A long story of pushes, made from a seed: told to an updater step by step, and told to plain sets beside
// it. The process that is killed and the test that looks at what it left behind both know it by heart.
#pragma once

#include <future>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ioc/updater.h"
#include "tests/support/pushed_list.h"

namespace cenote::test {

class PushStory {
 public:
  explicit PushStory(uint64_t seed) : seed_(seed) {}

  static constexpr size_t kNames = 40;
  static std::string name(size_t i) { return std::to_string(i) + ".example.com"; }

  static IocSettings settings(const std::string& state_dir) {
    IocSettings settings;
    for (const char* feed : {"a", "b"}) {
      settings.feeds.emplace_back();
      settings.feeds.back().name = feed;
      settings.feeds.back().format = "plain";
      settings.feeds.back().max_shrink = 0;  // the story's lists come and go as they like
      settings.feeds.back().max_growth = 0;
    }
    settings.state_dir = state_dir;
    settings.fold_entries = 8;  // again and again
    return settings;
  }

  // What is in force, as plain as can be.
  struct State {
    std::set<size_t> a, b, by_hand, allowed;
    bool operator==(const State&) const = default;
    // The feeds whose entries cover the name.
    [[nodiscard]] std::multiset<std::string> listed(size_t i) const {
      std::multiset<std::string> feeds;
      for (const auto& [feed, names] :
           {std::pair("a", &a), {"a", &by_hand}, {"b", &b}, {"exceptions", &allowed}}) {
        if (names->contains(i)) {
          feeds.insert(feed);
        }
      }
      return feeds;
    }
  };
  struct Past {
    State now;
    uint64_t generation = 1;            // of an updater that has just made its folder
    std::map<uint64_t, State> earlier;  // by generation
  };

  // The step happens to the plain sets. Whether it changes anything is told by the generation.
  void happen(uint64_t step, Past& past) const {
    past.earlier[past.generation] = past.now;
    Told told = tell(step);
    State& now = past.now;
    bool changes = true;
    switch (told.kind) {
      case Kind::kPatch:
        for (const size_t i : told.remove) {
          now.a.erase(i);
          now.by_hand.erase(i);
        }
        now.a.insert(told.add.begin(), told.add.end());
        break;
      case Kind::kPushA:
        now.a = {told.add.begin(), told.add.end()};
        break;
      case Kind::kPushB:
        now.b = {told.add.begin(), told.add.end()};
        break;
      case Kind::kAddByHand:
        now.by_hand.insert(told.add[0]);
        break;
      case Kind::kRemoveByHand:
        changes = now.by_hand.erase(told.add[0]) != 0 || now.a.erase(told.add[0]) != 0;
        break;
      case Kind::kAllow:
        now.allowed.insert(told.add[0]);
        break;
      case Kind::kDisallow:
        changes = now.allowed.erase(told.add[0]) != 0;
        break;
      case Kind::kRollback: {
        const auto target = past.earlier.find(past.generation - 1 - step % 8);
        changes = target != past.earlier.end() && target->first > 0;
        now = changes ? target->second : now;
        break;
      }
    }
    past.generation += changes ? 1 : 0;
  }

  // The step happens to the updater; returns when it was answered.
  void happen(uint64_t step, Updater& updater) const {
    const Told told = tell(step);
    std::promise<void> answered;
    const auto done = [&](ChangeResult) { answered.set_value(); };
    const std::string one = name(told.add[0]);
    switch (told.kind) {
      case Kind::kPatch:
        updater.patch({"a", texts(told.add), texts(told.remove), "story"}, done);
        break;
      case Kind::kPushA:
      case Kind::kPushB: {
        PushRequest push;
        push.feed = told.kind == Kind::kPushA ? "a" : "b";
        std::string lines;
        for (const std::string& text : texts(told.add)) {
          lines += text + "\n";
        }
        push.list = pushed_list(updater, lines);
        updater.push(push, done);
        break;
      }
      case Kind::kAddByHand: {
        SingleIndicator single;
        single.feed = "a";
        single.name = one;
        updater.add_indicator(single, done);
        break;
      }
      case Kind::kRemoveByHand:
        updater.remove_indicator("a", one, "story", done);
        break;
      case Kind::kAllow: {
        ExceptionSettings exception;
        exception.name = one;
        updater.add_exception(exception, "story", done);
        break;
      }
      case Kind::kDisallow:
        updater.remove_exception(one, "story", done);
        break;
      case Kind::kRollback:
        updater.rollback(updater.generation() - 1 - step % 8, "story", done);
        break;
    }
    answered.get_future().get();
  }

 private:
  enum class Kind { kPatch, kPushA, kPushB, kAddByHand, kRemoveByHand, kAllow, kDisallow, kRollback };
  struct Told {
    Kind kind = Kind::kPatch;
    std::vector<size_t> add;  // never empty
    std::vector<size_t> remove;
  };

  [[nodiscard]] Told tell(uint64_t step) const {
    std::mt19937_64 random(seed_ * 1'000'003 + step);
    const auto some = [&](size_t least, size_t most) {
      std::vector<size_t> names(least + random() % (most - least + 1));
      for (size_t& each : names) {
        each = random() % kNames;
      }
      return names;
    };
    Told told;
    const uint64_t die = random() % 20;
    told.kind = die < 9    ? Kind::kPatch
                : die < 10 ? Kind::kPushA
                : die < 12 ? Kind::kPushB
                : die < 14 ? Kind::kAddByHand
                : die < 16 ? Kind::kRemoveByHand
                : die < 18 ? Kind::kAllow
                : die < 19 ? Kind::kDisallow
                           : Kind::kRollback;
    told.add = some(1, told.kind == Kind::kPushA || told.kind == Kind::kPushB ? 20 : 3);
    told.remove = some(0, 3);
    return told;
  }
  static std::vector<std::string> texts(const std::vector<size_t>& names) {
    std::vector<std::string> all;
    for (const size_t i : names) {
      all.push_back(name(i));
    }
    return all;
  }

  uint64_t seed_;
};

}  // namespace cenote::test
