// Threads that look names up while others change what is listed: for ThreadSanitizer (./dev tsan), and true
// without it.
#include <atomic>
#include <future>
#include <thread>

#include <catch2/catch.hpp>

#include "ioc/updater.h"
#include "tests/support/pushed_list.h"
#include "tests/support/temporary_folder.h"

namespace cenote::storm_test {
namespace {

// A thread that asks without pause, as a worker would: its own reference, replaced between two questions.
class Asker {
 public:
  Asker() : thread_([this] { run(); }) {}
  ~Asker() {
    stop_ = true;
    thread_.join();
  }
  void adopt(std::shared_ptr<const Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(snapshot);
  }
  std::atomic<uint64_t> asked{0};
  std::atomic<uint64_t> missed{0};     // a name that is always listed was not found
  std::atomic<uint64_t> went_back{0};  // an older generation came after a newer one

 private:
  void run() {
    std::shared_ptr<const Snapshot> snapshot;
    uint64_t generation = 0;
    while (!stop_) {
      {
        const std::lock_guard lock(mutex_);
        if (next_ != nullptr) {
          snapshot.swap(next_);
          next_.reset();
        }
      }
      if (snapshot == nullptr) {
        continue;
      }
      went_back += snapshot->generation() < generation ? 1 : 0;
      generation = snapshot->generation();
      for (size_t i = 0; i < 50; ++i, ++asked) {
        std::array<Hit, kUsualHits> hits;
        const Name name = *Name::from_text("w.steady" + std::to_string((asked + i) % 2000) + ".example.com");
        const size_t count = snapshot->find(name, hits);
        missed += count == 0 ? 1 : 0;
        for (size_t hit = 0; hit < count; ++hit) {
          missed += snapshot->record(hits[hit].record).threat == "storm" ? 0 : 1;
        }
        static_cast<void>(snapshot->has_entry_below(name));
      }
    }
  }
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> next_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("look-ups go on and miss nothing while pushes, patches, folds and rollbacks come in a storm",
          "[ioc][threads]") {
  const TemporaryFolder folder;
  IocSettings settings;
  settings.state_dir = folder / "state";
  settings.fold_entries = 20;
  for (const char* name : {"large", "small"}) {
    settings.feeds.emplace_back();
    settings.feeds.back().name = name;
    settings.feeds.back().format = "plain";
    settings.feeds.back().threat = "storm";
    settings.feeds.back().options["scope"] = "suffix";
  }
  std::string list;
  for (int i = 0; i < 3'000; ++i) {
    list += "steady" + std::to_string(i) + ".example.com\n";
  }
  std::array<Asker, 3> askers;
  Updater updater(settings, [&](std::shared_ptr<const Snapshot> snapshot) {
    if (snapshot->names() >= 3'000) {  // not before the list is there
      for (Asker& asker : askers) {
        asker.adopt(snapshot);
      }
    }
  });
  REQUIRE(updater.load());
  updater.start();
  const auto done = [](auto ask) {
    std::promise<ChangeResult> promise;
    ask([&](ChangeResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  };
  const auto push_large = [&] {
    return done([&](Updater::Done then) {
      updater.push({"large", test::pushed_list(updater, list), "", "storm", false}, std::move(then));
    });
  };
  REQUIRE(push_large().accepted);
  std::vector<std::thread> pushers;
  for (int pusher = 0; pusher < 2; ++pusher) {
    pushers.emplace_back([&, pusher] {
      for (int i = 0; i < 40; ++i) {
        const std::string name = std::to_string(pusher) + "-" + std::to_string(i % 15) + ".example.net";
        const bool adds = i % 4 != 3;
        done([&](Updater::Done then) {
          updater.patch({"small", adds ? std::vector{name} : std::vector<std::string>{},
                         adds ? std::vector<std::string>{} : std::vector{name}, "storm"},
                        std::move(then));
        });
        if (i % 20 == 19) {
          push_large();
        }
      }
    });
  }
  for (std::thread& pusher : pushers) {
    pusher.join();
  }
  updater.stop();
  for (const Asker& asker : askers) {
    CHECK(asker.asked > 0);
    CHECK(asker.missed == 0);
    CHECK(asker.went_back == 0);
  }
}

}  // namespace cenote::storm_test
