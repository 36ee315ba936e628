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

#include "tests/ioc/list_story.h"
#include "tests/ioc/push_story.h"
#include "tests/support/temporary_folder.h"

namespace cenote::crash_test {
namespace {

using test::PushStory;

// Runs a story in the folder, kills it a while after so many answers, and returns what it acknowledged.
std::vector<std::string> tell_and_kill(const TemporaryFolder& folder, const char* story, uint64_t third,
                                       uint64_t fourth, ptrdiff_t answers, milliseconds after) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const std::string state = folder / "state";
  const std::string third_text = std::to_string(third);
  const std::string fourth_text = std::to_string(fourth);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    const int log = ::open((folder / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(log, STDERR_FILENO);
    ::execl(CENOTE_PUSH_STORY, "push_story", story, state.c_str(), third_text.c_str(), fourth_text.c_str(),
            nullptr);
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
  std::vector<std::string> lines;
  for (size_t at = said.find('\n') + 1, end = 0; (end = said.find('\n', at)) != std::string::npos;
       at = end + 1) {
    lines.push_back(said.substr(at, end - at));
  }
  return lines;
}

int kills_wanted(int otherwise) {
  const char* wanted = std::getenv("CENOTE_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : otherwise;
}

// What a start finds in the folder.
class Restarted {
 public:
  explicit Restarted(IocSettings settings)
      : updater_(std::move(settings),
                 [this](std::shared_ptr<const Snapshot> published) { snapshot_ = std::move(published); }) {
    const Result<void> loaded = updater_.load();
    INFO((loaded ? std::string() : loaded.error().message));
    REQUIRE(loaded);
    CHECK(snapshot_->generation() == updater_.generation());
  }
  [[nodiscard]] uint64_t generation() const { return updater_.generation(); }
  // The feeds that list it, or a name above it.
  [[nodiscard]] std::multiset<std::string> feeds_of(const std::string& name) const {
    std::array<Hit, kUsualHits> hits;
    const size_t count = snapshot_->find(Name::from_text(name).value(), hits);
    std::multiset<std::string> feeds;
    for (size_t hit = 0; hit < count; ++hit) {
      feeds.insert(snapshot_->feeds()[snapshot_->record(hits[hit].record).feed].name);
    }
    return feeds;
  }

 private:
  std::shared_ptr<const Snapshot> snapshot_;
  Updater updater_;
};

bool is_same(const Restarted& found, const PushStory::Past& past) {
  for (size_t i = 0; i < PushStory::kNames; ++i) {
    if (found.feeds_of(PushStory::name(i)) != past.now.listed(i)) {
      return false;
    }
  }
  return found.generation() == past.generation;
}

}  // namespace

TEST_CASE("whatever instant the process is killed, all that it acknowledged is in force afterwards",
          "[ioc][crash]") {
  const int kills = kills_wanted(25);
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
    for (const std::string& line : tell_and_kill(folder, "steps", seed, next, answers, after)) {
      REQUIRE(line == std::to_string(next));
      story.happen(next++, past);
    }
    const Restarted found(PushStory::settings(folder / "state"));
    // The step that was under way may have come to its commit without an answer.
    if (!is_same(found, past)) {
      story.happen(next++, past);
    }
    CAPTURE(found.generation(), past.generation);
    REQUIRE(is_same(found, past));
  }
  WARN(kills << " kills, " << next << " steps");
}

TEST_CASE("names that came while a list was compiled, and the list, survive a kill at any instant",
          "[ioc][crash]") {
  using test::ListStory;
  const int kills = kills_wanted(50) / 5;
  std::mt19937_64 random(11);
  const TemporaryFolder folder;
  uint64_t names = 0;  // how many came
  uint64_t list = 0;   // the last that came; 0: none
  for (int kill = 0; kill < kills; ++kill) {
    const auto answers = static_cast<ptrdiff_t>(random() % 40);
    const auto after = milliseconds{static_cast<int64_t>(random() % 60)};
    for (const std::string& line : tell_and_kill(folder, "lists", names, list + 1, answers, after)) {
      const bool is_list = line.starts_with("list ");
      uint64_t& count = is_list ? list : names;
      REQUIRE(line == (is_list ? "list " + std::to_string(list + 1) : "name " + std::to_string(names)));
      ++count;
    }
    CAPTURE(kill, names, list);
    const Restarted found(ListStory::settings(folder / "state"));
    // One of each may have come to its commit without an answer.
    names += found.feeds_of(ListStory::small(names)).size();
    list += found.feeds_of(ListStory::name(list + 1, 0)).size();
    for (uint64_t i = 0; i <= names; ++i) {
      REQUIRE(found.feeds_of(ListStory::small(i)).size() == (i < names ? 1 : 0));
    }
    for (size_t i = 0; i < ListStory::kNames; ++i) {
      REQUIRE(found.feeds_of(ListStory::name(list, i)).size() == (list > 0 ? 1 : 0));
    }
    CHECK(found.feeds_of(ListStory::name(list - 1, 0)).empty());
    CHECK(found.feeds_of(ListStory::name(list + 1, 0)).empty());
  }
  WARN(kills << " kills, " << names << " names, " << list << " lists");
}

}  // namespace cenote::crash_test
