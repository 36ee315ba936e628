// A state folder with something of everything that a feed can have, what is in force by it, and the harm that
// can come to its files.
#pragma once

#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ioc/updater.h"
#include "tests/support/pushed_list.h"

namespace cenote::test {

// An updater with what it published last.
class StartedUpdater {
 public:
  explicit StartedUpdater(IocSettings settings)
      : updater_(std::move(settings), [this](std::shared_ptr<const Snapshot> published) {
          const std::lock_guard lock(mutex_);
          snapshot_ = std::move(published);
        }) {}
  Result<void> load() { return updater_.load(); }
  void start() { updater_.start(); }
  Updater& updater() { return updater_; }

  // The feeds that list the name, or one above it.
  [[nodiscard]] std::multiset<std::string> feeds_of(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const Hits hits(*snapshot_, Name::from_text(name).value());
    std::multiset<std::string> feeds;
    for (const Hit& hit : hits.all()) {
      feeds.insert(snapshot_->feeds()[snapshot_->record(hit.record).feed].name);
    }
    return feeds;
  }
  [[nodiscard]] FeedStatus status(const std::string& feed) {
    for (FeedStatus& each : updater_.feeds()) {
      if (each.name == feed) {
        return each;
      }
    }
    return {};
  }

  ChangeResult push(const std::string& feed, const std::string& body) {
    return done([&](auto then) { updater_.push({feed, pushed_list(updater_, body), "", "t", false}, then); });
  }
  ChangeResult patch(const std::string& feed, std::vector<std::string> add, std::vector<std::string> remove) {
    return done([&](auto then) { updater_.patch({feed, add, remove, "t"}, then); });
  }
  ChangeResult add(const std::string& feed, const std::string& name) {
    SingleIndicator single;
    single.feed = feed;
    single.name = name;
    single.reason = "case";
    return done([&](auto then) { updater_.add_indicator(single, then); });
  }
  ChangeResult allow(const std::string& name) {
    ExceptionSettings exception;
    exception.name = name;
    exception.reason = "contract";
    return done([&](auto then) { updater_.add_exception(exception, "t", then); });
  }
  ChangeResult release(const std::string& feed, const std::string& name) {
    return done([&](auto then) {
      updater_.decide_held({feed, true, {name}, false, false, "case", "t"}, then);
    });
  }

 private:
  template <typename Ask>
  static ChangeResult done(Ask ask) {
    std::promise<ChangeResult> promise;
    ask([&](ChangeResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  Updater updater_;
};

class DamageStory {
 public:
  static constexpr std::array<const char*, 3> kFeeds = {"c2", "soc", "third"};

  static IocSettings settings(const std::string& state_dir) {
    IocSettings settings;
    for (const char* feed : kFeeds) {
      settings.feeds.emplace_back();
      settings.feeds.back().name = feed;
      settings.feeds.back().format = "plain";
    }
    settings.state_dir = state_dir;
    return settings;
  }
  static const std::map<std::string, std::string>& lists() {
    static const std::map<std::string, std::string> all = {
        {"c2", "a.example.org\nb.example.org\nwww.google.com\n"},
        {"soc", names(30)},
        {"third", "t.example.org\nu.example.org\n"}};
    return all;
  }
  // Lists, a decision about a held entry, a list that is held, patches that are contents and such as only the
  // journal has, single indicators, an exception. `folds`: most of it is in the compiled snapshot.
  static void tell(const std::string& state_dir, bool folds) {
    IocSettings settings = DamageStory::settings(state_dir);
    settings.fold_entries = folds ? 2 : 10'000;
    StartedUpdater server(settings);
    good(server.load());
    server.start();
    good(server.push("c2", lists().at("c2")));
    good(server.release("c2", "www.google.com"));
    good(server.push("soc", lists().at("soc")));
    static_cast<void>(server.push("soc", "s1.example.net\n"));  // is held
    good(server.patch("c2", {"p1.example.org"}, {"b.example.org"}));
    good(server.add("soc", "single1.example.org"));
    good(server.push("third", lists().at("third")));
    good(server.patch("c2", {"p2.example.org"}, {}));
    good(server.patch("soc", {"p3.example.org"}, {"s2.example.net"}));
    good(server.add("third", "single2.example.org"));
    good(server.allow("partner.example.org"));
  }
  static constexpr uint64_t kGeneration = 11;  // the last that was acknowledged

  // What is in force after it.
  static const std::map<std::string, std::multiset<std::string>>& listed() {
    static const std::map<std::string, std::multiset<std::string>> all = {
        {"a.example.org", {"c2"}},
        {"b.example.org", {}},
        {"www.google.com", {"c2"}},
        {"p1.example.org", {"c2"}},
        {"p2.example.org", {"c2"}},
        {"s1.example.net", {"soc"}},
        {"s2.example.net", {}},
        {"s29.example.net", {"soc"}},
        {"p3.example.org", {"soc"}},
        {"single1.example.org", {"soc"}},
        {"t.example.org", {"third"}},
        {"u.example.org", {"third"}},
        {"single2.example.org", {"third"}},
        {"partner.example.org", {"exceptions"}}};
    return all;
  }

 private:
  static std::string names(size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) {
      text += "s" + std::to_string(i) + ".example.net\n";
    }
    return text;
  }
  static void good(const Result<void>& result) {
    if (!result) {
      throw std::runtime_error(result.error().message);
    }
  }
  static void good(const ChangeResult& result) {
    if (!result.accepted) {
      throw std::runtime_error(result.error);
    }
  }
};

// Harms one file of the folder; says what it did.
inline std::string harm(const std::string& folder, std::mt19937_64& random) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() != "lock") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  const fs::path& victim = files[random() % files.size()];
  std::ifstream in(victim, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  in.close();
  const size_t at = bytes.empty() ? 0 : random() % bytes.size();
  const auto garbage = [&](size_t from, size_t size) {
    for (size_t i = from; i < std::min(from + size, bytes.size()); ++i) {
      bytes[i] = static_cast<char>(random());
    }
  };
  constexpr std::array kKinds = {"bit",     "16 bytes", "truncated", "empty",
                                 "garbage", "deleted",  "folder",    "zeros"};
  const std::string kind = kKinds[random() % kKinds.size()];
  if (kind == "bit" && !bytes.empty()) {
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
  } else if (kind == "16 bytes") {
    garbage(at, 16);
  } else if (kind == "truncated") {
    bytes.resize(at);
  } else if (kind == "empty") {
    bytes.clear();
  } else if (kind == "garbage") {
    garbage(0, bytes.size());
  } else if (kind == "zeros") {
    std::fill(bytes.begin() + static_cast<ptrdiff_t>(at), bytes.end(), '\0');
  }
  fs::remove(victim);
  if (kind == "folder") {
    fs::create_directory(victim);
    std::ofstream(victim / "inside") << "x";
  } else if (kind != "deleted") {
    std::ofstream(victim, std::ios::binary) << bytes;
  }
  return fs::relative(victim, folder).string() + ": " + kind + " at " + std::to_string(at);
}

}  // namespace cenote::test
