// Feeds as plain maps, random ones, and what a snapshot of them must say: the model that the compiled forms
// are compared with.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include <catch2/catch.hpp>

#include "ioc/compiled_snapshot.h"
#include "ioc/snapshot_builder.h"

namespace cenote::test {

inline Name name(std::string_view text) {
  return Name::from_text(text).value();
}

inline std::shared_ptr<const CompiledSnapshot> open(const BuiltSnapshot& built) {
  auto image = Image::from_bytes(built.image);
  REQUIRE(image);
  auto snapshot = CompiledSnapshot::from_image(std::move(*image));
  REQUIRE(snapshot);
  return std::move(*snapshot);
}

inline Indicator listed(std::string_view text, Scope scope = Scope::kExact) {
  Indicator indicator;
  indicator.name = name(text);
  indicator.scope = scope;
  return indicator;
}
inline Indicator listed_block(std::string_view text) {
  Indicator indicator;
  indicator.kind = Indicator::Kind::kAddress;
  indicator.prefix = Prefix::from_text(text).value();
  return indicator;
}
inline FeedSettings feed(std::string text) {
  FeedSettings settings;
  settings.name = std::move(text);
  return settings;
}

// What several feeds say, as plainly as can be: feed -> (entry -> reason).
struct Entry {
  std::string what;  // name or prefix text
  Scope scope;
  bool allow;
  Origin origin = Origin::kList;
  auto operator<=>(const Entry&) const = default;
  [[nodiscard]] bool is_block() const { return what.find('/') != std::string::npos; }
};
using FeedModel = std::map<Entry, std::string>;
using Model = std::map<std::string, FeedModel>;

inline FeedRun run_of(const std::string& feed_name, const FeedModel& entries, std::mt19937_64& random) {
  FeedRun run;
  std::vector<std::pair<Entry, std::string>> shuffled(entries.begin(), entries.end());
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  for (const auto& [entry, reason] : shuffled) {
    Indicator indicator = entry.is_block() ? listed_block(entry.what) : listed(entry.what, entry.scope);
    indicator.scope = entry.scope;
    indicator.allow = entry.allow;
    indicator.origin = entry.origin;
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

// What a text means: read once, for the model is asked about it again and again.
template <typename Meaning>
const Meaning& known(const std::string& text) {
  static std::unordered_map<std::string, Meaning> all;
  const auto found = all.find(text);
  return found != all.end() ? found->second
                            : all.emplace(text, Meaning::from_text(text).value()).first->second;
}

inline Said expected(const Model& model, const Name& asked) {
  Said said;
  for (size_t depth = 0; depth <= asked.label_count(); ++depth) {
    const std::string own = asked.suffix(depth).to_text();
    const Scope other = depth == asked.label_count() ? Scope::kBelow : Scope::kExact;
    for (const auto& [feed_name, entries] : model) {
      for (auto at = entries.lower_bound(Entry{own, Scope{}, false});
           at != entries.end() && at->first.what == own; ++at) {
        if (at->first.scope != other) {
          said.emplace(feed_name, depth, static_cast<int>(at->first.scope), at->first.allow, at->second);
        }
      }
    }
  }
  return said;
}

inline Said expected(const Model& model, const IpAddress& asked) {
  Said said;
  for (const auto& [feed_name, entries] : model) {
    for (const auto& [entry, reason] : entries) {
      if (entry.is_block() && known<Prefix>(entry.what).contains(asked)) {
        said.emplace(feed_name, known<Prefix>(entry.what).length, static_cast<int>(Scope::kSuffix),
                     entry.allow, reason);
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

inline void check_below(const Model& model, const Snapshot& snapshot, Worlds& worlds) {
  for (int i = 0; i < 100; ++i) {
    const Name asked = i == 0 ? Name{} : name(worlds.some_name());
    bool below = false;
    for (const auto& [feed_name, entries] : model) {
      for (const auto& [entry, reason] : entries) {
        below = below || (!entry.is_block() && !(known<Name>(entry.what) == asked) &&
                          known<Name>(entry.what).is_at_or_below(asked));
      }
    }
    if (snapshot.has_entry_below(asked) != below) {
      FAIL("has_entry_below differs for " << asked.to_text());
    }
  }
}

// What a feed says twice, in its list and by hand, counts once.
inline uint64_t distinct_entries(const FeedModel& entries) {
  std::set<std::tuple<std::string, Scope, bool>> distinct;
  for (const auto& [entry, reason] : entries) {
    distinct.emplace(entry.what, entry.scope, entry.allow);
  }
  return distinct.size();
}

inline void check_same(const Model& model, const Snapshot& snapshot, Worlds& worlds) {
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
  check_below(model, snapshot, worlds);
  std::set<std::pair<std::string, Scope>> names;
  std::set<std::string> blocks;
  for (const auto& [feed_name, entries] : model) {
    for (const auto& [entry, reason] : entries) {
      if (!entry.is_block()) {
        names.emplace(entry.what, entry.scope);
      } else {
        blocks.insert(entry.what);
      }
    }
  }
  REQUIRE(snapshot.names() == names.size());
  REQUIRE(snapshot.addresses() == blocks.size());
  for (const SnapshotFeed& each : snapshot.feeds()) {
    const auto said = model.find(each.name);
    REQUIRE(each.entries == (said == model.end() ? 0 : distinct_entries(said->second)));
  }
}

}  // namespace cenote::test
