// One cache under several threads: for ThreadSanitizer (./dev tsan), and true without it.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "resolver/base/random.h"
#include "resolver/cache/answer_cache.h"
#include "resolver/query/shared_questions.h"

namespace cenote::shared_cache_test {
namespace {

constexpr MonoTime kNow{seconds{1000}};
constexpr size_t kNames = 3000;
constexpr int kThreads = 4;
constexpr int kTurns = 400;

CacheKey key(size_t number) {
  CacheKey made;
  made.name = *Name::from_text("n" + std::to_string(number) + ".example.com");
  made.type = rrtype::kA;
  return made;
}

// As large as its number says, and full of a byte that its number says: who reads another's, or what was
// freed, sees it.
ScrubbedResponse response(const CacheKey& key, size_t number) {
  ScrubbedResponse made;
  made.rcode = Rcode::kNoError;
  made.ttl = 60;
  made.message.assign(kHeaderBytes, 0);
  const Bytes name = key.name.wire();
  made.message.insert(made.message.end(), name.begin(), name.end());
  made.message.resize(made.message.size() + 100 + number % 200, static_cast<uint8_t>(number));
  return made;
}

bool is_whole(const AnswerCache::Entry& entry, const CacheKey& key, size_t number) {
  std::array<uint8_t, 1024> copied;
  const size_t size = entry.copy(copied, kNow);
  const Bytes filled = Bytes(copied).first(size).subspan(kHeaderBytes + key.name.size());
  return filled.size() == 100 + number % 200 && std::all_of(filled.begin(), filled.end(), [&](uint8_t byte) {
           return byte == static_cast<uint8_t>(number);
         });
}

template <typename Work>
void on_threads(Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([i, &work] { work(i); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace

TEST_CASE("what a thread finds stays whole until the end of its turn, whoever replaces it",
          "[cache][threads]") {
  AnswerCache cache(CacheSettings{.bytes = 1 << 18});  // room for a third of the names: eviction all the time
  std::atomic<size_t> found{0};
  std::atomic<size_t> torn{0};
  on_threads([&](int thread) {
    Quiescence::Reader reader(cache.quiescence());
    Random random;
    for (int turn = 0; turn < kTurns; ++turn) {
      reader.enter();
      for (int i = 0; i < 50; ++i) {
        const size_t number = random.below(kNames);
        const CacheKey asked = key(number);
        AnswerCache::Entry* entry = cache.find(asked, kNow);
        if (entry == nullptr || i % 8 == thread) {
          AnswerCache::Entry* const made = cache.insert(asked, response(asked, number), kNow);
          torn += made != nullptr && !is_whole(*made, asked, number) ? 1 : 0;
        }
        if (entry != nullptr) {  // perhaps replaced just now
          ++found;
          torn += is_whole(*entry, asked, number) ? 0 : 1;
          entry->findings.set_clear_under(static_cast<uint32_t>(turn));
        }
      }
      if (turn % 100 == 0 && thread == 0) {
        cache.clear();
      }
      reader.leave();
    }
  });
  CHECK(found > 1000);
  CHECK(torn == 0);
  const auto counts = cache.counts();
  CHECK(counts.bytes <= 1 << 18);
  CHECK(counts.evicted > 0);
  CHECK(counts.entries > 0);
}

TEST_CASE("nothing is freed while a reader stands still, and what is kept for it is bounded",
          "[cache][threads]") {
  AnswerCache cache(CacheSettings{.bytes = 1 << 20});
  Quiescence::Reader still(cache.quiescence());
  cache.insert(key(0), response(key(0), 0), kNow);
  still.enter();
  const AnswerCache::Entry* const seen = cache.find(key(0), kNow);
  REQUIRE(seen != nullptr);
  for (size_t i = 0; i < 20'000; ++i) {
    cache.insert(key(i % 10), response(key(i % 10), i), kNow);
  }
  CHECK(is_whole(*seen, key(0), 0));
  CHECK(cache.counts().refused > 0);
  still.leave();
  const uint64_t refused = cache.counts().refused;
  for (size_t i = 0; i < 1000; ++i) {
    CHECK(cache.insert(key(i), response(key(i), i), kNow) != nullptr);
  }
  CHECK(cache.counts().refused == refused);
}

TEST_CASE("of all threads that ask the same one is the first, and the others hear of its end",
          "[query][threads]") {
  struct Worker final : Follower {
    void on_followed(uint64_t cookie, std::shared_ptr<const Resolution>) override { told += cookie; }
    std::atomic<uint64_t> told{0};
  };
  SharedQuestions questions;
  std::array<Worker, kThreads> workers;
  std::atomic<uint64_t> asked{0};
  std::atomic<uint64_t> followed{0};
  std::atomic<uint64_t> under_way{0};
  std::atomic<uint64_t> at_once{0};  // one question was asked twice at a time
  on_threads([&](int thread) {
    Worker& self = workers[static_cast<size_t>(thread)];
    const CacheKey question = key(1);
    const uint64_t hash = question.hash();
    for (int i = 0; i < 5000; ++i) {
      const auto claim = questions.claim(
          question, hash, self, SIZE_MAX, [] { return uint64_t{7}; }, [](uint64_t) { return uint64_t{1}; });
      if (claim.kind == SharedQuestions::Claim::Kind::kFirst) {
        ++asked;
        at_once += under_way.fetch_add(1);
        under_way.fetch_sub(1);
        for (const auto& member : questions.finish({question, hash, 7}, {&self, claim.cookie})) {
          member.worker->on_followed(member.cookie, nullptr);
        }
      } else if (claim.kind == SharedQuestions::Claim::Kind::kFollows) {
        ++followed;
      }
    }
  });
  uint64_t told = 0;
  for (const Worker& worker : workers) {
    told += worker.told;
  }
  CHECK(asked > 0);
  CHECK(at_once == 0);
  CHECK(told == followed);
}

}  // namespace cenote::shared_cache_test
