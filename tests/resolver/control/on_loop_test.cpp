#include "resolver/control/on_loop.h"

#include <thread>

#include <catch2/catch.hpp>

namespace cenote::on_loop_test {
namespace {

// Tells on which thread the last copy went.
struct Held {
  explicit Held(std::thread::id& where) : went_on(where) {}
  ~Held() { went_on = std::this_thread::get_id(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  std::thread::id& went_on;
};

}  // namespace

TEST_CASE("a reply is heard on the loop's thread, and what it holds goes there", "[control][on_loop]") {
  const bool is_called = GENERATE(true, false);
  std::thread::id went_on;
  std::thread::id heard_on;
  std::string heard;
  Loop loop;
  std::function<void(std::string)> reply = on_loop<std::string>(
      loop, [held = std::make_shared<Held>(went_on), &heard_on, &heard](const std::string& text) {
        heard_on = std::this_thread::get_id();
        heard = text;
      });
  std::thread other([&loop, is_called, reply = std::move(reply)]() mutable {
    if (is_called) {
      reply("done");
      std::this_thread::sleep_for(
          milliseconds{100});  // as a thread does that is held up: the loop is long done
    }
    reply = nullptr;
    loop.stop();
  });
  loop.run();
  other.join();
  CHECK(went_on == std::this_thread::get_id());
  CHECK(heard == (is_called ? "done" : ""));
  CHECK((!is_called || heard_on == std::this_thread::get_id()));
}

TEST_CASE("a reply that is still waiting goes with its loop", "[control][on_loop]") {
  std::thread::id went_on;
  {
    Loop loop;
    const auto reply = on_loop<int>(loop, [held = std::make_shared<Held>(went_on)](int /*value*/) {});
    reply(1);
  }
  CHECK(went_on == std::this_thread::get_id());
}

}  // namespace cenote::on_loop_test
