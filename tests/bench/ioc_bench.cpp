// The name index beside what others use: bytes a name, time to build, time to look up. On demand, never in
// ctest:
//
//   ninja ioc_bench && ./ioc_bench [--names 5000000] [--list FILE] [--text]
//
// Names are generated to look like real lists (words, generated labels, subdomains, a few top-level domains);
// --list reads one name a line instead. --text also times the whole way of a text feed. Compare only within
// one run.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include <malloc.h>

#if __has_include(<marisa.h>) && defined(CENOTE_BENCH_MARISA)
#include <marisa.h>
#endif
#if __has_include(<absl/container/flat_hash_set.h>) && defined(CENOTE_BENCH_ABSL)
#include <absl/container/flat_hash_set.h>
#endif

#include "ioc/compiled_snapshot.h"
#include "ioc/feed_compiler.h"
#include "ioc/snapshot_builder.h"

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
    found += contains(text) ? 1 : 0;
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
    std::array<Hit, kMaxHits> hits;
    return (*snapshot)->find(q.names[i], hits);
  });
  const auto again = Clock::now();
  const BuiltSnapshot merged =
      build_snapshot(snapshot->get(), std::vector<FeedPart>{{"bench", nullptr}}, 2, 42);
  std::printf("  merged from its own image in %.2f s\n", seconds_since(again));
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

void bench_text(const std::vector<std::string>& listed) {
  std::string body;
  for (const std::string& text : listed) {
    body += text + '\n';
  }
  FeedSettings settings;
  settings.name = "bench";
  settings.format = "plain";
  const auto start = Clock::now();
  FeedContent content;
  content.body = body;
  const auto compiled = compile_feed(settings, {}, content);
  const double parsed = seconds_since(start);
  const FeedPart part{"bench", &compiled->run};
  const BuiltSnapshot built = build_snapshot(nullptr, {&part, 1}, 1, 42);
  std::printf("text feed of %zu lines: parsed and sorted in %.2f s, image after %.2f s (%llu rejected)\n",
              listed.size(), parsed, seconds_since(start),
              static_cast<unsigned long long>(compiled->rejected + compiled->held));
}

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

}  // namespace
}  // namespace cenote

int main(int argc, char** argv) {
  using namespace cenote;
  size_t count = 1'000'000;
  std::string list;
  bool text = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--names" && i + 1 < argc) {
      count = std::strtoull(argv[++i], nullptr, 10);
    } else if (option == "--list" && i + 1 < argc) {
      list = argv[++i];
    } else if (option == "--text") {
      text = true;
    } else {
      std::fprintf(stderr, "usage: ioc_bench [--names COUNT] [--list FILE] [--text]\n");
      return 2;
    }
  }
  Generator generator(1);
  std::vector<std::string> listed;
  if (!list.empty()) {
    std::ifstream in(list);
    for (std::string line; std::getline(in, line);) {
      if (Name::from_text(line)) {
        listed.push_back(line);
      }
    }
  }
  while (list.empty() && listed.size() < count) {
    listed.push_back(generator.next());
  }
  if (listed.empty()) {
    std::fprintf(stderr, "no names in %s\n", list.c_str());
    return 1;
  }
  std::shuffle(listed.begin(), listed.end(), generator.random());
  std::printf("%zu names\n", listed.size());
  const auto questions = make_questions(listed, generator);
  bench_ours(listed, questions);
#ifdef CENOTE_BENCH_MARISA
  bench_marisa(listed, questions);
#endif
#ifdef CENOTE_BENCH_ABSL
  using FlatSet = absl::flat_hash_set<std::string>;
  bench_set<FlatSet>("absl::flat_hash_set, parents walked", listed, questions,
                     [](const FlatSet& set, std::string_view key) {
                       return set.contains(absl::string_view(key.data(), key.size()));
                     });
#endif
  using PlainSet = std::unordered_set<std::string>;
  bench_set<PlainSet>("std::unordered_set, parents walked", listed, questions,
                      [key = std::string()](const PlainSet& set, std::string_view text_key) mutable {
                        key = text_key;
                        return set.count(key) != 0;
                      });
  if (text) {
    bench_text(listed);
  }
  return 0;
}
