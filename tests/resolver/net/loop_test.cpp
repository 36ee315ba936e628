#include "resolver/net/loop.h"

#include <thread>

#include <catch2/catch.hpp>

namespace cenote::loop_test {
namespace {

// Asks again and again, and sees in which turns it is called.
struct Caller {
  Loop& loop;
  int left;
  std::vector<uint64_t> turns{};
  std::function<void(Caller&)> then = [](Caller&) {};
  NextTurn next{loop, &Caller::call, this};

  static void call(void* self) {
    auto& caller = *static_cast<Caller*>(self);
    caller.turns.push_back(caller.loop.turn());
    if (--caller.left > 0) {
      caller.next.ask();
    }
    caller.then(caller);
  }
};

}  // namespace

TEST_CASE("what waits for the next turn is called once in each, in the order in which it was asked",
          "[net][loop]") {
  Loop loop;
  std::vector<int> order;
  Caller first{loop, 3};
  Caller second{loop, 3};
  first.then = [&](Caller&) { order.push_back(1); };
  second.then = [&](Caller& caller) {
    order.push_back(2);
    if (caller.left == 0) {
      loop.stop();
    }
  };
  uint64_t asked_in = 0;
  loop.post([&] {
    asked_in = loop.turn();
    first.next.ask();
    first.next.ask();
    second.next.ask();
  });
  loop.run();
  CHECK(first.turns == std::vector<uint64_t>{asked_in + 1, asked_in + 2, asked_in + 3});
  CHECK(second.turns == first.turns);
  CHECK(order == std::vector<int>{1, 2, 1, 2, 1, 2});
}

TEST_CASE("between two calls the loop serves its timers and jobs", "[net][loop]") {
  Loop loop;
  Caller endless{loop, INT_MAX};
  Timer end(loop, [&] { loop.post([&] { loop.stop(); }); });
  end.start(milliseconds{20});
  loop.post([&] { endless.next.ask(); });
  loop.run();
  CHECK(endless.turns.size() > 1);
}

TEST_CASE("a call that is cancelled, or whose owner goes, does not come", "[net][loop]") {
  Loop loop;
  Caller cancelled{loop, 1};
  auto gone = std::unique_ptr<Caller>(new Caller{loop, 1});
  auto goes_in_its_call = std::unique_ptr<Caller>(new Caller{loop, 1});
  goes_in_its_call->then = [&](Caller&) { goes_in_its_call.reset(); };
  auto goes_with_another = std::unique_ptr<Caller>(new Caller{loop, 1});
  Caller destroyer{loop, 1};
  destroyer.then = [&](Caller&) { goes_with_another.reset(); };
  Timer end(loop, [&] { loop.stop(); });
  end.start(milliseconds{20});
  loop.post([&] {
    for (NextTurn* each :
         {&cancelled.next, &gone->next, &goes_in_its_call->next, &destroyer.next, &goes_with_another->next}) {
      each->ask();
    }
    cancelled.next.cancel();
    gone.reset();
  });
  const auto before = std::chrono::steady_clock::now();
  loop.run();
  CHECK(cancelled.turns.empty());
  CHECK_FALSE(goes_in_its_call);
  CHECK_FALSE(goes_with_another);
  CHECK(destroyer.turns.size() == 1);
  // Nobody asks any more: the loop waits, and does not turn in vain.
  CHECK(std::chrono::steady_clock::now() - before >= milliseconds{15});
  CHECK(loop.turn() < 20);
}

TEST_CASE("the loop waits when the only one who asked has cancelled", "[net][loop]") {
  Loop loop;
  Caller cancelled{loop, 1};
  auto gone = std::unique_ptr<Caller>(new Caller{loop, 1});
  Timer end(loop, [&] { loop.stop(); });
  end.start(milliseconds{50});
  loop.post([&] {
    cancelled.next.ask();
    gone->next.ask();
    cancelled.next.cancel();
    gone.reset();
  });
  loop.run();
  CHECK(cancelled.turns.empty());
  CHECK(loop.turn() < 20);
}

TEST_CASE("a number that is answered is written in its order with jobs", "[net][loop]") {
  Loop loop;
  uint64_t seen = 0;
  loop.answer(7);
  loop.post([&] { seen = loop.turns().answered.value(); });
  loop.answer(8);
  loop.stop();
  loop.run();
  CHECK(seen == 7);
  CHECK(loop.turns().answered.value() == 8);
}

}  // namespace cenote::loop_test
