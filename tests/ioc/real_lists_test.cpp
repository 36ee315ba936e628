// Lists as they are published, all in one snapshot: every name that a list says is found with that list, and
// names beside them are found only where a list says so.
#include <set>
#include <unordered_map>

#include <catch2/catch.hpp>

#include "ioc/parse.h"
#include "tests/ioc/feed_model.h"
#include "tests/support/feeds_folder.h"
#include "tests/support/read_file.h"

namespace cenote::real_lists_test {
namespace {

namespace fs = std::filesystem;

using Said = std::set<std::tuple<size_t, int, std::string>>;  // depth, scope, feed

// Every listed name, in a hash table, with who says it.
class Oracle {
 public:
  void add(const Name& name, Scope scope, const std::string& feed) {
    listed_[std::string(as_text(name.wire()))].emplace_back(scope, feed);
  }
  [[nodiscard]] Said expected(const Name& asked) const {
    Said said;
    for (size_t depth = asked.label_count() + 1; depth-- > 0;) {
      const auto found = listed_.find(std::string(as_text(asked.suffix(depth).wire())));
      if (found == listed_.end()) {
        continue;
      }
      for (const auto& [scope, feed] : found->second) {
        const bool is_whole = depth == asked.label_count();
        if (scope != (is_whole ? Scope::kBelow : Scope::kExact)) {
          said.emplace(depth, static_cast<int>(scope), feed);
        }
      }
    }
    return said;
  }
  [[nodiscard]] size_t size() const { return listed_.size(); }
  template <typename Visit>
  void visit(Visit visit) const {
    for (const auto& [wire, said] : listed_) {
      visit(*Name::from_wire(as_bytes(wire)));
    }
  }

 private:
  std::unordered_map<std::string, std::vector<std::pair<Scope, std::string>>> listed_;
};

class Collector final : public FeedSink {
 public:
  Collector(std::string feed, Oracle& oracle) : oracle_(oracle) { settings_.name = std::move(feed); }
  void accept(const Indicator& indicator, uint64_t) override {
    run.add(indicator, settings_);
    if (indicator.kind == Indicator::Kind::kName) {
      oracle_.add(indicator.name, indicator.scope, settings_.name);
    }
  }
  void hold(const Indicator&, uint64_t, std::string_view) override {}
  void reject(const Reject&) override {}
  FeedRun run;

 private:
  FeedSettings settings_;
  Oracle& oracle_;
};

void check(const Snapshot& snapshot, const Oracle& oracle, const Name& asked) {
  std::array<Hit, 1024> hits;
  Said said;
  for (size_t i = 0, count = snapshot.find(asked, hits); i < count; ++i) {
    said.emplace(hits[i].depth, static_cast<int>(hits[i].scope),
                 snapshot.feeds()[snapshot.record(hits[i].record).feed].name);
  }
  if (said != oracle.expected(asked)) {
    FAIL("differs for " << asked.to_text());
  }
}

// Another first label: one byte more, one less, one other.
std::vector<Name> near_misses(const Name& name) {
  std::vector<Name> all;
  const Name parent = name.suffix(name.label_count() - 1);
  const std::string label(as_text(name.wire().subspan(1, name.wire()[0])));
  for (const std::string& other : {label + "0", label.substr(1), "q" + label.substr(1), std::string("www")}) {
    Name near = parent;
    if (!other.empty() && near.prepend_label(other)) {
      all.push_back(near);
    }
  }
  Name below = name;
  if (below.prepend_label("www")) {
    all.push_back(below);
  }
  all.push_back(parent);
  return all;
}

}  // namespace

TEST_CASE("every name of every real list is found with its lists, and its neighbours are not",
          "[ioc][real_lists]") {
  const auto folder = test::feeds_folder();
  if (!folder) {
    WARN("SKIPPED: real lists: no folder of real feeds");
    return;
  }
  Oracle oracle;
  std::map<std::string, std::unique_ptr<Collector>> feeds;
  for (const char* format :
       {"hosts", "plain", "wildcard", "adblock", "dnsmasq", "unbound", "bind", "dnscrypt", "rpz", "maltrail",
        "stix", "misp", "json", "csv", "url", "defanged", "large"}) {
    const bool is_large = std::string_view(format) == "large";
#ifdef _GLIBCXX_ASSERTIONS
    if (is_large) {
      WARN("SKIPPED: the large real list: it is for a release build");
      continue;
    }
#endif
    for (const auto& entry : fs::directory_iterator(*folder / format)) {
      const std::string feed = std::string(format) + "/" + entry.path().filename().string();
      const std::string body = test::read_file(entry.path());
      auto collector = std::make_unique<Collector>(feed, oracle);
      ParseOptions options;
      options.format = is_large ? "plain" : format;
      static_cast<void>(parse_feed(body, options, *collector));  // what it gave before an error counts too
      collector->run.finish();
      feeds.emplace(feed, std::move(collector));
    }
  }
  std::vector<FeedPart> parts;
  for (const auto& [feed, collector] : feeds) {
    parts.push_back({feed, &collector->run});
  }
  const auto snapshot = test::open(build_snapshot(nullptr, parts, 1, 1));
  REQUIRE(oracle.size() > 100'000);
  CHECK(snapshot->name_index().size() == oracle.size());
#ifdef __SANITIZE_ADDRESS__
  constexpr size_t kNearEvery = 8;  // each check costs ten times as much
#else
  constexpr size_t kNearEvery = 1;
#endif
  size_t count = 0;
  oracle.visit([&](const Name& name) {
    check(*snapshot, oracle, name);
    if (count++ % kNearEvery != 0) {
      return;
    }
    for (const Name& near : near_misses(name)) {
      check(*snapshot, oracle, near);
    }
  });
  WARN(oracle.size() << " names of " << feeds.size() << " lists");
}

}  // namespace cenote::real_lists_test
