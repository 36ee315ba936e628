// The IOC engine: the name index beside what others use (bytes a name, time to build, time to look up), and
// the engine as it runs (text to enforced, restart, one pushed name, reload). On demand, never in ctest:
//
//   ./dev bench ioc [--names COUNT]... [--list FILE] [--structures | --engine]
//
// Without options 1, 5 and 10 million names and the large real list where it is there. Names are generated to
// look like real lists (words, generated labels, subdomains, a few top-level domains); --list reads one name
// a line. Compare only within one run.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include <malloc.h>
#include <spdlog/spdlog.h>

#if __has_include(<marisa.h>) && defined(CENOTE_BENCH_MARISA)
#include <marisa.h>
#endif
#if __has_include(<absl/container/flat_hash_set.h>) && defined(CENOTE_BENCH_ABSL)
#include <absl/container/flat_hash_set.h>
#endif

#include "ioc/compiled_snapshot.h"
#include "ioc/feed_compiler.h"
#include "ioc/overlaid_snapshot.h"
#include "ioc/parse.h"
#include "ioc/snapshot_builder.h"
#include "tests/bench/ioc_engine.h"
#include "tests/support/read_file.h"

namespace cenote {
namespace {

// This thread's CPU time: other work on the machine does not count.
struct Clock {
  static double now() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
};
double seconds_since(double start) {
  return Clock::now() - start;
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}
  std::string next() {
    static constexpr const char* kWords[] = {"secure", "login", "update", "mail",   "bank", "cloud",
                                             "shop",   "news",  "pay",    "verify", "home", "web",
                                             "online", "store", "free",   "app"};
    static constexpr const char* kTops[] = {"com", "com", "com", "com",  "ru", "xyz",
                                            "net", "org", "top", "info", "cn", "co.uk"};
    std::string text;
    if (below(100) < 33) {
      text = (below(2) == 0 ? std::string(kWords[below(16)]) : letters(3 + below(6))) + ".";
    }
    switch (below(3)) {
      case 0:
        text += letters(7 + below(12));
        break;
      case 1:
        text += std::string(kWords[below(16)]) + (below(2) == 0 ? "-" : "") + letters(3 + below(5));
        break;
      default:
        text += letters(4 + below(4)) + std::string(kWords[below(16)]) + std::to_string(below(1000));
        break;
    }
    return text + "." + kTops[below(12)];
  }
  size_t below(size_t bound) { return random_() % bound; }
  std::mt19937_64& random() { return random_; }

 private:
  std::string letters(size_t count) {
    std::string text;
    for (; count > 0; --count) {
      text += "abcdefghijklmnopqrstuvwxyz0123456789etaoinshr"[below(45)];
    }
    return text;
  }
  std::mt19937_64 random_;
};

struct Questions {
  const char* what;
  std::vector<std::string> texts;
  std::vector<Name> names;
};

// Walks from the whole name to its parents, as a plain hash set of names must.
template <typename Contains>
size_t walk_parents(std::string_view text, Contains contains) {
  size_t found = 0;
  while (true) {
    found += contains(text) ? 1U : 0U;
    const size_t dot = text.find('.');
    if (dot == std::string_view::npos) {
      return found;
    }
    text.remove_prefix(dot + 1);
  }
}

template <typename Ask>
void time_lookups(const std::vector<Questions>& all, bool by_name, Ask ask) {
  for (const Questions& questions : all) {
    size_t found = 0;
    const auto start = Clock::now();
    const size_t count = by_name ? questions.names.size() : questions.texts.size();
    for (size_t i = 0; i < count; ++i) {
      found += ask(questions, i);
    }
    std::printf("  %s %.0f ns", questions.what, seconds_since(start) / static_cast<double>(count) * 1e9);
    if ((found != 0) != (questions.what[0] != 'u')) {
      std::printf(" (found %zu)", found);
    }
  }
  std::printf("\n");
}

size_t heap_in_use() {
  return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
}

// The same look-ups with changes over the base, and the base made anew of both.
void bench_overlay(std::unique_ptr<const CompiledSnapshot> snapshot,
                   const std::vector<Questions>& questions) {
  FeedSettings settings;
  settings.name = "bench";
  Layers layers{std::move(snapshot), nullptr};
  Generator generator(77);
  for (const size_t size : {size_t{1}, size_t{10'000}}) {
    FeedRun run;
    Indicator indicator;
    indicator.scope = Scope::kSuffix;
    for (size_t i = 0; i < size; ++i) {
      indicator.name = *Name::from_text("o" + generator.next());
      run.add(indicator, settings);
    }
    run.finish();
    layers.overlay = change_overlay(layers, {0, Origin::kList, {}, {}, &run}, 2).overlay;
    const OverlaidSnapshot overlaid(layers, 2);
    std::printf("  with %zu changes over it:\n ", layers.overlay->size());
    time_lookups(questions, true, [&](const Questions& q, size_t i) {
      std::array<Hit, kUsualHits> hits;
      return overlaid.find(q.names[i], hits);
    });
  }
  FeedRun one;
  Indicator indicator;
  indicator.name = *Name::from_text("one.more.example.net");
  one.add(indicator, settings);
  one.finish();
  const auto start = Clock::now();
  const auto changed = change_overlay(layers, {0, Origin::kList, {}, {}, &one}, 3);
  std::printf("  one more change over %zu: %.0f us", changed.overlay->size() - 1, seconds_since(start) * 1e6);
  const auto again = Clock::now();
  const BuiltSnapshot folded = build_snapshot(layers.base.get(), layers.overlay.get(),
                                              std::vector<FeedPart>{{"bench", nullptr}}, {2, 42, {}, nullptr})
                                   .value();
  std::printf("; folded into a new base in %.2f s\n", seconds_since(again));
}

void bench_ours(const std::vector<std::string>& listed, const std::vector<Questions>& questions) {
  FeedSettings settings;
  settings.name = "bench";
  const auto start = Clock::now();
  FeedRun run;
  Indicator indicator;
  indicator.scope = Scope::kSuffix;
  for (const std::string& text : listed) {
    if (const auto name = Name::from_text(text)) {
      indicator.name = *name;
      run.add(indicator, settings);
    }
  }
  const double added = seconds_since(start);
  run.finish();
  const double sorted = seconds_since(start);
  const FeedPart part{"bench", &run};
  const BuiltSnapshot built = build_snapshot(nullptr, {&part, 1}, 1, 42);
  const double done = seconds_since(start);
  auto snapshot = CompiledSnapshot::from_image(std::move(Image::from_bytes(built.image).value()));
  const auto names = static_cast<double>((*snapshot)->names());
  std::printf(
      "cenote: %.2f bytes a name for look-ups, %.2f whole file; built in %.2f s (keys %.2f, sort %.2f, rest "
      "%.2f)\n ",
      static_cast<double>((*snapshot)->name_index().bytes()) / names,
      static_cast<double>((*snapshot)->bytes()) / names, done, added, sorted - added, done - sorted);
  time_lookups(questions, true, [&](const Questions& q, size_t i) {
    std::array<Hit, kUsualHits> hits;
    return (*snapshot)->find(q.names[i], hits);
  });
  bench_overlay(std::move(*snapshot), questions);
}

template <typename Set, typename Contains>
void bench_set(const char* what, const std::vector<std::string>& listed,
               const std::vector<Questions>& questions, Contains contains) {
  const size_t before = heap_in_use();
  const auto start = Clock::now();
  Set set;
  for (const std::string& text : listed) {
    set.insert(text);
  }
  const double built = seconds_since(start);
  std::printf("%s: %.1f bytes a name; built in %.2f s\n ", what,
              static_cast<double>(heap_in_use() - before) / static_cast<double>(set.size()), built);
  time_lookups(questions, false, [&](const Questions& q, size_t i) {
    return walk_parents(q.texts[i], [&](std::string_view text) { return contains(set, text); });
  });
}

#ifdef CENOTE_BENCH_MARISA
void bench_marisa(const std::vector<std::string>& listed, const std::vector<Questions>& questions) {
  const auto key_of = [](const std::string& text) {
    const NameKey key(Name::from_text(text).value());
    return std::string(as_text(key.bytes()));
  };
  const auto start = Clock::now();
  marisa::Keyset keys;
  for (const std::string& text : listed) {
    const std::string key = key_of(text);
    keys.push_back(key.data(), key.size());
  }
  marisa::Trie trie;
  trie.build(keys);
  std::printf("marisa-trie: %.1f bytes a name; built in %.2f s\n ",
              static_cast<double>(trie.total_size()) / static_cast<double>(trie.num_keys()),
              seconds_since(start));
  marisa::Agent agent;
  time_lookups(questions, true, [&](const Questions& q, size_t i) {
    const NameKey key(q.names[i]);
    agent.set_query(reinterpret_cast<const char*>(key.bytes().data()), key.bytes().size());
    size_t found = 0;
    while (trie.common_prefix_search(agent)) {
      ++found;
    }
    return found;
  });
}
#endif

std::vector<Questions> make_questions(const std::vector<std::string>& listed, Generator& generator) {
  constexpr size_t kQuestions = 500'000;
  std::vector<Questions> all(4);
  all[0].what = "listed";
  all[1].what = "below";
  all[2].what = "unlisted";
  all[3].what = "unlisted hot";
  std::vector<std::string> hot;
  for (int i = 0; i < 1000; ++i) {
    hot.push_back("www.hot" + generator.next());
  }
  for (size_t i = 0; i < kQuestions; ++i) {
    const std::string& one = listed[generator.below(listed.size())];
    all[0].texts.push_back(one);
    all[1].texts.push_back("x7." + one);
    all[2].texts.push_back("www.q" + generator.next());
    all[3].texts.push_back(hot[generator.below(hot.size())]);
  }
  for (Questions& questions : all) {
    for (const std::string& text : questions.texts) {
      questions.names.push_back(Name::from_text(text).value());
    }
  }
  return all;
}

std::vector<std::string> generated(size_t count) {
  Generator generator(1);
  std::vector<std::string> listed;
  while (listed.size() < count) {
    listed.push_back(generator.next());
  }
  return listed;
}

// One name a line; .gz is read through the feeds' own inflater, so no other tool is needed.
std::vector<std::string> read_list(const std::string& file) {
  const std::string body = test::read_file(file);
  struct Sink final : FeedSink {
    std::vector<std::string> names;
    void accept(const Indicator& indicator, uint64_t) override {
      if (indicator.kind == Indicator::Kind::kName) {
        names.push_back(indicator.name.to_text());
      }
    }
    void hold(const Indicator&, uint64_t, std::string_view) override {}
    void reject(const Reject&) override {}
  } sink;
  ParseOptions options;
  options.format = "plain";
  static_cast<void>(parse_feed(body, options, sink));
  return sink.names;
}

void bench_structures(std::vector<std::string> listed, bool with_slow) {
  Generator generator(2);
  std::shuffle(listed.begin(), listed.end(), generator.random());
  std::printf("%zu names\n", listed.size());
  const auto questions = make_questions(listed, generator);
  bench_ours(listed, questions);
#ifdef CENOTE_BENCH_MARISA
  if (with_slow) {
    bench_marisa(listed, questions);
  }
#endif
#ifdef CENOTE_BENCH_ABSL
  using FlatSet = absl::flat_hash_set<std::string>;
  bench_set<FlatSet>("absl::flat_hash_set, parents walked", listed, questions,
                     [](const FlatSet& set, std::string_view key) {
                       return set.contains(absl::string_view(key.data(), key.size()));
                     });
#endif
  if (!with_slow) {
    return;
  }
  using PlainSet = std::unordered_set<std::string>;
  bench_set<PlainSet>("std::unordered_set, parents walked", listed, questions,
                      [key = std::string()](const PlainSet& set, std::string_view text_key) mutable {
                        key = text_key;
                        return set.count(key) != 0;
                      });
}

constexpr size_t kMostOfEngine = 5'000'000;

void bench_running(size_t count) {
  const std::string folder = (std::filesystem::temp_directory_path() / "cenote-ioc-bench").string();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const bench::Lists lists{folder + "/list", folder + "/other"};
  Generator generator(1);
  {
    std::ofstream list(lists.one);
    std::ofstream other(lists.other);
    for (size_t i = 0; i < count; ++i) {
      const std::string name = generator.next() + "\n";
      list << name;
      other << (i % 10 == 0 ? "changed-" : "") << name;
    }
  }
  std::vector<Name> asked;
  while (asked.size() < 20'000) {
    asked.push_back(*Name::from_text("www.q" + generator.next()));
  }
  bench::bench_engine(count, folder, lists, asked);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace cenote

int main(int argc, char** argv) {
  using namespace cenote;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  spdlog::set_level(spdlog::level::err);
  std::vector<size_t> counts;
  std::string list;
  bool structures = true;
  bool engine = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--names" && i + 1 < argc) {
      counts.push_back(std::strtoull(argv[++i], nullptr, 10));
    } else if (option == "--list" && i + 1 < argc) {
      list = argv[++i];
    } else if (option == "--structures") {
      engine = false;
    } else if (option == "--engine") {
      structures = false;
    } else {
      std::fprintf(stderr, "usage: ioc_bench [--names COUNT]... [--list FILE] [--structures | --engine]\n");
      return 2;
    }
  }
  const bool is_whole = counts.empty() && list.empty();
  if (is_whole) {
    counts = {1'000'000, 5'000'000, 10'000'000};
    list = CENOTE_SOURCE_DIR "/../shared/feeds/large/maltrail-20260301.domains.txt.gz";
  }
  if (structures) {
    for (const size_t count : counts) {
      bench_structures(generated(count), count <= 5'000'000);
    }
    if (const std::vector<std::string> real = list.empty() ? std::vector<std::string>{} : read_list(list);
        !real.empty()) {
      std::printf("the list %s:\n", list.c_str());
      bench_structures(real, true);
    } else if (!list.empty()) {
      std::printf("no names in %s\n", list.c_str());
    }
  }
  if (engine) {
    for (const size_t count : counts) {
      if (count > kMostOfEngine) {
        std::printf("the engine with %zu names: left out, it is measured up to %zu\n", count, kMostOfEngine);
        continue;
      }
      bench_running(count);
    }
  }
  return 0;
}
