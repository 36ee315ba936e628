#include "resolver/net/watchdog.h"

#include <atomic>
#include <stdexcept>

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <unistd.h>

namespace cenote::watchdog_test {
namespace {

void wait_for(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000 && !holds(); ++i) {
    std::this_thread::sleep_for(milliseconds{5});
  }
  REQUIRE(holds());
}

// A loop on a thread of its own.
struct Running {
  Loop loop;
  std::thread thread{[this] { loop.run(); }};
  ~Running() {
    loop.stop();
    thread.join();
  }
};

bool stands(const Watchdog& watchdog, size_t which) {
  return watchdog.watched().at(which).stands;
}

}  // namespace

TEST_CASE("a loop that stands still is noticed, and that it goes on again", "[net][watchdog]") {
  Running good;
  Running stuck;
  std::atomic<int> alive{0};
  Watchdog watchdog([&] { ++alive; }, {milliseconds{10}, milliseconds{100}, milliseconds{10}});
  watchdog.watch(good.loop, "good");
  watchdog.watch(stuck.loop, "stuck");
  watchdog.start();
  wait_for([&] { return alive > 3; });
  CHECK_FALSE(stands(watchdog, 1));

  std::atomic<bool> go_on{false};
  stuck.loop.post([&] {
    while (!go_on) {
      std::this_thread::sleep_for(milliseconds{1});
    }
  });
  wait_for([&] { return stands(watchdog, 1); });
  CHECK_FALSE(stands(watchdog, 0));
  const int before = alive;
  std::this_thread::sleep_for(milliseconds{100});
  CHECK(alive == before);  // the service manager hears nothing

  go_on = true;
  wait_for([&] { return !stands(watchdog, 1) && alive > before; });
}

TEST_CASE("a loop counts its turns and those that took too long", "[net][watchdog]") {
  Loop loop;
  Timer end(loop, [&] { loop.stop(); });
  SECTION("quick ones") {
    end.start(milliseconds{10});
    loop.run();
    CHECK(loop.turns().turns.value() > 0);
    CHECK(loop.turns().slow.value() == 0);
  }
  SECTION("a slow job") {
    loop.post([] { std::this_thread::sleep_for(LoopTurns::kSlow + milliseconds{20}); });
    end.start(milliseconds{10});
    loop.run();
    CHECK(loop.turns().slow.value() == 1);
    CHECK(loop.turns().longest_ms.value() >= 270);
    CHECK(loop.turns().doing.load() == std::string("jobs of other threads"));
  }
  SECTION("a slow job that starts a timer at its end") {
    Timer later(loop, [] {});
    loop.post([&] {
      std::this_thread::sleep_for(LoopTurns::kSlow + milliseconds{50});
      later.start(milliseconds{1});
    });
    end.start(milliseconds{10});
    loop.run();
    CHECK(loop.turns().slow.value() == 1);
    CHECK(loop.turns().longest_ms.value() >= 300);
  }
  SECTION("a slow timer") {
    Timer slow(loop, [] { std::this_thread::sleep_for(LoopTurns::kSlow + milliseconds{20}); });
    slow.start(milliseconds{1});
    end.start(milliseconds{5});
    loop.run();
    CHECK(loop.turns().slow.value() == 1);
  }
  SECTION("a long wait is no turn") {
    end.start(LoopTurns::kSlow + milliseconds{50});
    loop.run();
    CHECK(loop.turns().slow.value() == 0);
  }
}

TEST_CASE("a timer that slow work starts counts from then", "[net][watchdog]") {
  Loop loop;
  MonoTime begun{};
  MonoTime ended{};
  Timer end(loop, [&] {
    ended = mono_now();
    loop.stop();
  });
  const auto work = [&] {
    std::this_thread::sleep_for(milliseconds{300});
    begun = mono_now();
    end.start(milliseconds{100});
  };
  Timer slow(loop, work);
  if (GENERATE(true, false)) {
    loop.post(work);
  } else {
    slow.start(milliseconds{1});
  }
  loop.run();
  CHECK(ended - begun >= milliseconds{99});
  CHECK(ended - begun < milliseconds{250});
}

TEST_CASE("a loop for which no descriptor is left is an error that can be caught", "[net][watchdog]") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit none = limit;
  const int next = ::dup(0);
  ::close(next);
  int failures = 0;
  bool made = false;
  for (rlim_t left = 0; left < 64 && !made; ++left) {  // with each number that is left something else fails
    none.rlim_cur = static_cast<rlim_t>(next) + left;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    std::exception_ptr failure;
    try {
      const Loop loop;
    } catch (...) {
      failure = std::current_exception();
    }
    ::setrlimit(RLIMIT_NOFILE, &limit);  // first: the sanitizers read files when they look at an exception
    if (failure) {
      CHECK_THROWS_AS(std::rethrow_exception(failure), std::runtime_error);
      ++failures;
    }
    made = failure == nullptr;
  }
  CHECK(failures > 0);
  CHECK(made);
}

}  // namespace cenote::watchdog_test
