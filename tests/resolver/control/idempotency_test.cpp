#include "resolver/control/idempotency.h"

#include <catch2/catch.hpp>

#include "tests/resolver/control/fake_backend.h"

namespace cenote::idempotency_test {
namespace {

using Outcome = Idempotency::Outcome;

HttpResponder responder() {
  return HttpResponder(std::make_shared<RecordedExchange>());
}

}  // namespace

TEST_CASE("memory is bounded: the oldest answers go first, changes under way stay",
          "[control][idempotency]") {
  Idempotency memory(3);
  const MonoTime start(seconds{0});
  REQUIRE(memory.begin("under-way", "f", responder(), start) == Outcome::kFirst);
  for (const char* key : {"a", "b"}) {
    REQUIRE(memory.begin(key, "f", responder(), start) == Outcome::kFirst);
    memory.finish(key, HttpResponse::text(200, key));
  }
  REQUIRE(memory.begin("c", "f", responder(), start) == Outcome::kFirst);
  CHECK(memory.size() == 3);
  CHECK(memory.begin("b", "f", responder(), start) == Outcome::kAnswered);
  CHECK(memory.begin("under-way", "f", responder(), start) == Outcome::kAnswered);
  REQUIRE(memory.begin("a", "f", responder(), start) == Outcome::kFirst);  // "b" went for it
  CHECK(memory.begin("d", "f", responder(), start) == Outcome::kFull);
}

TEST_CASE("a server's fault is not remembered", "[control][idempotency]") {
  Idempotency memory;
  const MonoTime start(seconds{0});
  REQUIRE(memory.begin("k", "f", responder(), start) == Outcome::kFirst);
  memory.finish("k", HttpResponse::text(503, ""));
  CHECK(memory.begin("k", "f", responder(), start) == Outcome::kFirst);
}

TEST_CASE("who waits for an answer may ask again while it is handed out", "[control][idempotency]") {
  // As a connection does whose client has sent the same request several times in a row.
  class Repeating final : public HttpResponder::Exchange {
   public:
    Repeating(Idempotency& memory, bool repeats) : memory_(memory), repeats_(repeats) {}
    void respond(HttpResponse response) override {
      given.push_back(response.status);
      if (repeats_) {
        const auto next = std::make_shared<Repeating>(memory_, false);
        CHECK(memory_.begin("k", "f", HttpResponder(next), {}) == Outcome::kAnswered);
        given.insert(given.end(), next->given.begin(), next->given.end());
      }
    }
    void start(HttpResponse /*head*/) override {}
    void write(std::string /*chunk*/) override {}
    void finish() override {}
    [[nodiscard]] bool is_open() const override { return true; }
    std::vector<int> given;

   private:
    Idempotency& memory_;
    bool repeats_;
  };
  const int status = GENERATE(200, 503);
  Idempotency memory;
  REQUIRE(memory.begin("k", "f", responder(), {}) == Outcome::kFirst);
  std::vector<std::shared_ptr<Repeating>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::make_shared<Repeating>(memory, status == 200));
    REQUIRE(memory.begin("k", "f", HttpResponder(waiting.back()), {}) == Outcome::kAnswered);
  }
  memory.finish("k", HttpResponse::text(status, ""));
  for (const auto& one : waiting) {
    CHECK(one->given == std::vector<int>(status == 200 ? 2 : 1, status));
  }
}

TEST_CASE("an answer is forgotten after a day", "[control][idempotency]") {
  Idempotency memory;
  const MonoTime start(seconds{0});
  REQUIRE(memory.begin("k", "f", responder(), start) == Outcome::kFirst);
  memory.finish("k", HttpResponse::text(200, ""));
  CHECK(memory.begin("k", "f", responder(), start + std::chrono::hours{23}) == Outcome::kAnswered);
  CHECK(memory.begin("k", "g", responder(), start + std::chrono::hours{23}) == Outcome::kMismatch);
  CHECK(memory.begin("k", "g", responder(), start + std::chrono::hours{25}) == Outcome::kFirst);
}

}  // namespace cenote::idempotency_test
