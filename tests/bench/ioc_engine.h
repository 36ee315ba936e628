// The engine as it runs: an updater with a folder of its own, workers that look names up without pause, and
// the figures that people feel: how long from a list to its enforcement, from a start to the first answer,
// from one pushed name to the last worker that knows it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/prctl.h>
#include <sys/resource.h>

#include "ioc/durable_file.h"
#include "ioc/journal.h"
#include "ioc/updater.h"

namespace cenote::bench {

using WallClock = std::chrono::steady_clock;

inline double ms_since(WallClock::time_point start) {
  return std::chrono::duration<double, std::milli>(WallClock::now() - start).count();
}

// A figure of /proc/self/status in MiB.
inline double memory_mib(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(what + ":")) {
      return std::strtod(line.c_str() + what.size() + 1, nullptr) / 1024;
    }
  }
  return 0;
}
inline void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

// Looks unlisted names up, without pause or 2,000 times a second; says when it saw a new generation first.
class Worker {
 public:
  enum class Pace { kRests, kPaced, kWithoutPause };
  explicit Worker(const std::vector<Name>& asked) : asked_(asked), thread_([this] { run(); }) {}
  ~Worker() {
    stop_ = true;
    thread_.join();
  }
  void adopt(std::shared_ptr<const Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(snapshot);
    has_next_.store(true, std::memory_order_release);
  }
  [[nodiscard]] uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  [[nodiscard]] WallClock::time_point since() const { return since_; }  // valid behind generation()
  void set_pace(Pace pace) { pace_ = pace; }
  // Of the paced ones since the last call, in microseconds from when each was due until it was done. Only
  // while resting.
  std::vector<double> take_latencies() { return std::exchange(latencies_, {}); }

 private:
  static constexpr std::chrono::microseconds kPause{500};

  void look_up_when_due(const Snapshot& snapshot, size_t i) {
    due_ = std::max(due_ + kPause, WallClock::now());
    std::this_thread::sleep_until(due_);
    std::array<Hit, kUsualHits> hits;
    found_ = found_ + snapshot.find(asked_[i % asked_.size()], hits);
    latencies_.push_back(ms_since(due_) * 1000);
  }

  void run() {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    std::shared_ptr<const Snapshot> snapshot;
    std::array<Hit, kUsualHits> hits;
    for (size_t i = 0; !stop_; ++i) {
      if (has_next_.load(std::memory_order_acquire)) {
        const std::lock_guard lock(mutex_);
        snapshot.swap(next_);
        next_.reset();
        has_next_ = false;
        since_ = WallClock::now();
        generation_.store(snapshot->generation(), std::memory_order_release);
      }
      const Pace pace = pace_;
      if (snapshot == nullptr || pace == Pace::kRests) {
        std::this_thread::sleep_for(kPause);
      } else if (pace == Pace::kPaced) {
        look_up_when_due(*snapshot, i);
      } else {
        for (size_t k = 0; k < 16; ++k) {
          found_ = found_ + snapshot->find(asked_[(i * 16 + k) % asked_.size()], hits);
        }
      }
    }
  }
  const std::vector<Name>& asked_;
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> next_;
  std::atomic<bool> has_next_{false};
  std::atomic<bool> stop_{false};
  std::atomic<Pace> pace_{Pace::kRests};
  WallClock::time_point due_;
  std::vector<double> latencies_;
  std::atomic<uint64_t> generation_{0};
  WallClock::time_point since_;
  volatile uint64_t found_ = 0;
  std::thread thread_;
};

class Engine {
 public:
  Engine(const std::string& folder, std::vector<Worker*> workers) : workers_(std::move(workers)) {
    settings_.state_dir = folder;
    for (const char* name : {"large", "small"}) {
      settings_.feeds.emplace_back();
      settings_.feeds.back().name = name;
      settings_.feeds.back().format = "plain";
      settings_.feeds.back().options["scope"] = "suffix";
    }
  }
  // Returns how long until something was in force.
  double start() {
    const auto begin = WallClock::now();
    updater_ = std::make_unique<Updater>(settings_, [this](std::shared_ptr<const Snapshot> snapshot) {
      for (Worker* worker : workers_) {
        worker->adopt(snapshot);
      }
      const std::lock_guard lock(mutex_);
      snapshot_ = std::move(snapshot);
    });
    if (const Result<void> loaded = updater_->load(); !loaded) {
      std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
      std::exit(1);
    }
    const double took = ms_since(begin);
    updater_->start();
    return took;
  }
  void stop() {
    updater_.reset();
    snapshot_.reset();
  }
  ChangeResult push(const std::string& file) {
    auto list = updater_->new_list().value();
    const Result<void> copied =
        read_pieces(file, kMostIncomingBytes, [&](Bytes piece) { return list->append(piece); });
    std::promise<ChangeResult> promise;
    updater_->push({"large", copied ? list : nullptr, "", "bench", false},
                   [&](ChangeResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  ChangeResult add(const std::string& name) {
    std::promise<ChangeResult> promise;
    updater_->patch({"small", {name}, {}, "bench"},
                    [&](ChangeResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  std::shared_ptr<const Snapshot> snapshot() {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

 private:
  IocSettings settings_;
  std::vector<Worker*> workers_;
  std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<Updater> updater_;
};

inline double at(std::vector<double> figures, double part) {
  std::sort(figures.begin(), figures.end());
  return figures[std::min(figures.size() - 1,
                          static_cast<size_t>(part * static_cast<double>(figures.size())))];
}

// One name after the other: from the call until the last worker judges by it, and what the disk alone takes.
inline void bench_pushes(Engine& engine, const std::vector<std::unique_ptr<Worker>>& workers,
                         const std::string& folder, const char* under) {
  constexpr int kPushes = 200;
  std::vector<double> enforced;
  std::vector<double> disk;
  auto journal = Journal::open(folder + "/fsync-alone", 0);
  static int pushed = 0;
  for (int i = 0; i < kPushes; ++i) {
    const auto fsync_begin = WallClock::now();
    static_cast<void>((*journal)->append(std::string(400, 'x')));
    disk.push_back(ms_since(fsync_begin));
    const auto begin = WallClock::now();
    const ChangeResult result = engine.add("pushed" + std::to_string(pushed++) + ".example.net");
    double last = 0;
    for (const auto& worker : workers) {
      while (worker->generation() < result.generation) {
        std::this_thread::yield();
      }
      last = std::max(last, std::chrono::duration<double, std::milli>(worker->since() - begin).count());
    }
    enforced.push_back(last);
  }
  std::printf(
      "  one pushed name, %s: on every worker after %.2f ms (median), %.2f (p90), %.2f (p99), %.2f (most); "
      "an fsync alone %.2f (median), %.2f (p99)\n",
      under, at(enforced, 0.5), at(enforced, 0.9), at(enforced, 0.99), at(enforced, 1), at(disk, 0.5),
      at(disk, 0.99));
}

inline double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

struct Lists {  // files, a name a line
  std::string one;
  std::string other;  // the same with a tenth changed
};

inline void set_pace(const std::vector<std::unique_ptr<Worker>>& workers, Worker::Pace pace) {
  for (const auto& worker : workers) {
    worker->set_pace(pace);
  }
}

inline std::vector<double> latencies_of(const std::vector<std::unique_ptr<Worker>>& workers) {
  set_pace(workers, Worker::Pace::kRests);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::vector<double> all;
  for (const auto& worker : workers) {
    const std::vector<double> some = worker->take_latencies();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// What a reload takes of memory and of the look-ups' time, beside the steady state just before it.
inline void bench_reloads(Engine& engine, const std::vector<std::unique_ptr<Worker>>& workers,
                          const Lists& lists) {
  constexpr int kReloads = 4;
  engine.push(lists.one);
  std::vector<double> steady;
  std::vector<double> reloading;
  for (int i = 0; i < kReloads; ++i) {
    const std::string& next = i % 2 == 0 ? lists.other : lists.one;
    set_pace(workers, Worker::Pace::kPaced);
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    const std::vector<double> before = latencies_of(workers);
    steady.insert(steady.end(), before.begin(), before.end());
    const double held = memory_mib("VmRSS");
    reset_peak();
    set_pace(workers, Worker::Pace::kPaced);
    const auto reload = WallClock::now();
    const double cpu = cpu_seconds();
    engine.push(next);
    const double took = ms_since(reload) / 1000;
    const double peak = memory_mib("VmHWM");
    const std::vector<double> meanwhile = latencies_of(workers);
    reloading.insert(reloading.end(), meanwhile.begin(), meanwhile.end());
    std::printf(
        "  reload with a tenth changed, under paced look-ups: %.2f s (%.2f s of CPU); memory %.1f MiB -> "
        "peak "
        "%.1f (%.2f of it) -> %.1f\n",
        took, cpu_seconds() - cpu, held, peak, peak / held, memory_mib("VmRSS"));
  }
  std::printf(
      "  paced look-ups, from when each was due: steady %.0f us (median), %.0f (p90), %.0f (p99) of %zu; "
      "during "
      "the reloads %.0f, %.0f, %.0f of %zu\n",
      at(steady, 0.5), at(steady, 0.9), at(steady, 0.99), steady.size(), at(reloading, 0.5),
      at(reloading, 0.9), at(reloading, 0.99), reloading.size());
}

// `asked`: names that are in neither list.
inline void bench_engine(size_t names, const std::string& folder, const Lists& lists,
                         const std::vector<Name>& asked) {
  std::printf("the engine with %zu names, in %s:\n", names, folder.c_str());
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Worker*> all;
  for (int i = 0; i < 2; ++i) {
    workers.push_back(std::make_unique<Worker>(asked));
    all.push_back(workers.back().get());
  }
  Engine engine(folder + "/state", all);
  engine.start();
  const double cpu = cpu_seconds();
  const auto begin = WallClock::now();
  engine.push(lists.one);
  std::printf(
      "  text to enforced: %.2f s (%.2f s of CPU); the file has %.1f bytes a name\n", ms_since(begin) / 1000,
      cpu_seconds() - cpu,
      static_cast<double>(engine.snapshot()->bytes()) / static_cast<double>(engine.snapshot()->names()));
  engine.stop();
  std::array<Hit, kUsualHits> hits;
  for (const char* which : {"first", "second"}) {
    const auto restart = WallClock::now();
    const double loaded = engine.start();
    static_cast<void>(engine.snapshot()->find(asked.front(), hits));
    std::printf("  restart (%s): in force after %.1f ms, first look-up done after %.1f ms\n", which, loaded,
                ms_since(restart));
    if (which[0] == 'f') {
      engine.stop();
    }
  }
  bench_pushes(engine, workers, folder, "idle");
  set_pace(workers, Worker::Pace::kWithoutPause);
  bench_pushes(engine, workers, folder, "under two workers that look up without pause");
  set_pace(workers, Worker::Pace::kRests);
  bench_reloads(engine, workers, lists);
  workers.clear();
  engine.stop();
}

}  // namespace cenote::bench
