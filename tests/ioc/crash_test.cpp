// A process that pushes, patches, folds and rolls back is killed at random instants, again and again in one
// folder, and whatever it had acknowledged must be in force afterwards. CENOTE_KILLS says how often (./dev
// crash: 300 times).
#include <algorithm>
#include <cstdlib>

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "tests/ioc/push_story.h"
#include "tests/support/temporary_folder.h"

namespace cenote::crash_test {
namespace {

using test::PushStory;

// Runs the story from `first` on, kills it a while after so many answers, and returns the last step that it
// acknowledged.
int64_t tell_and_kill(const TemporaryFolder& folder, uint64_t seed, uint64_t first, ptrdiff_t answers,
                      milliseconds after) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const std::string state = folder / "state";
  const std::string seed_text = std::to_string(seed);
  const std::string first_text = std::to_string(first);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    const int log = ::open((folder / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(log, STDERR_FILENO);
    ::execl(CENOTE_PUSH_STORY, "push_story", state.c_str(), seed_text.c_str(), first_text.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string said;
  const auto read_some = [&] {
    char buffer[4096];
    const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
    said.append(buffer, static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return got > 0;
  };
  while (std::count(said.begin(), said.end(), '\n') < 1 + answers && read_some()) {
  }
  const auto deadline = std::chrono::steady_clock::now() + after;
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd readable{ends[0], POLLIN, 0};
    if (::poll(&readable, 1, 1) == 1 && !read_some()) {
      break;
    }
  }
  ::kill(child, SIGKILL);
  while (read_some()) {
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  INFO(folder.read("log"));
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(said.starts_with("ready\n"));
  // A line that the kill cut off was not acknowledged, but the step may have happened.
  said.resize(said.rfind('\n'));
  const std::string last = said.substr(said.rfind('\n') + 1);
  return last == "ready" ? static_cast<int64_t>(first) - 1 : std::stoll(last);
}

struct Found {
  uint64_t generation = 0;
  std::vector<std::multiset<std::string>> listed;
};

// What a start finds in the folder.
Found find_all(const TemporaryFolder& folder) {
  std::shared_ptr<const Snapshot> snapshot;
  Updater updater(PushStory::settings(folder / "state"),
                  [&](std::shared_ptr<const Snapshot> published) { snapshot = std::move(published); });
  const Result<void> loaded = updater.load();
  INFO((loaded ? std::string() : loaded.error().message));
  REQUIRE(loaded);
  Found found;
  found.generation = updater.generation();
  CHECK(snapshot->generation() == found.generation);
  for (size_t i = 0; i < PushStory::kNames; ++i) {
    std::array<Hit, kMaxHits> hits;
    const size_t count = snapshot->find(Name::from_text(PushStory::name(i)).value(), hits);
    found.listed.emplace_back();
    for (size_t hit = 0; hit < count; ++hit) {
      found.listed.back().insert(snapshot->feeds()[snapshot->record(hits[hit].record).feed].name);
    }
  }
  return found;
}

bool is_same(const Found& found, const PushStory::Past& past) {
  for (size_t i = 0; i < PushStory::kNames; ++i) {
    if (found.listed[i] != past.now.listed(i)) {
      return false;
    }
  }
  return found.generation == past.generation;
}

}  // namespace

TEST_CASE("whatever instant the process is killed, all that it acknowledged is in force afterwards",
          "[ioc][crash]") {
  const char* wanted = std::getenv("CENOTE_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 25;
  const uint64_t seed = 7;
  std::mt19937_64 random(seed);
  const TemporaryFolder folder;
  const PushStory story(seed);
  PushStory::Past past;
  uint64_t next = 0;
  for (int kill = 0; kill < kills; ++kill) {
    CAPTURE(kill, next);
    const auto answers = static_cast<ptrdiff_t>(random() % 6);
    const auto after = milliseconds{static_cast<int64_t>(random() % (kill % 2 == 0 ? 5 : 60))};
    const int64_t last = tell_and_kill(folder, seed, next, answers, after);
    for (; static_cast<int64_t>(next) <= last; ++next) {
      story.happen(next, past);
    }
    const Found found = find_all(folder);
    // The step that was under way may have come to its commit without an answer.
    if (!is_same(found, past)) {
      story.happen(next++, past);
    }
    CAPTURE(found.generation, past.generation);
    REQUIRE(is_same(found, past));
  }
  WARN(kills << " kills, " << next << " steps");
}

}  // namespace cenote::crash_test
