#include "resolver/events/recorder.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace cenote::recorder_test {
namespace {

// A file that goes with its test.
class TemporaryFile {
 public:
  TemporaryFile() { ::close(mkstemp(path_.data())); }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream in(path_);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) {
      all.push_back(line);
    }
    return all;
  }

 private:
  std::string path_ = "/tmp/cenote-recorder-XXXXXX";
};

Event hit(int number) {
  Event event;
  event.time = WallTime{seconds{1'800'000'000 + number}};
  event.name = Name::from_text("n" + std::to_string(number) + ".test").value();
  event.verdict.action = Action::kSinkhole;
  return event;
}

}  // namespace

TEST_CASE("every event of every ring becomes a line and stays in the history", "[events][recorder]") {
  const TemporaryFile file;
  Recorder recorder({file.path()});
  EventRing& first = recorder.add_ring();
  EventRing& second = recorder.add_ring();
  REQUIRE(recorder.start());
  for (int i = 0; i < 50; ++i) {
    (i % 2 == 0 ? first : second).push(hit(i));
  }
  recorder.stop();  // drains what is left
  CHECK(recorder.recorded() == 50);
  CHECK(recorder.unwritten() == 0);
  const auto lines = file.lines();
  REQUIRE(lines.size() == 50);
  for (const std::string& line : lines) {
    CHECK(nlohmann::json::accept(line));
  }
  CHECK(recorder.history().last_number() == 50);
}

TEST_CASE("a flood of one hit is a few lines that count all of it, and no other client's hit is lost",
          "[events][recorder]") {
  constexpr uint64_t kFlood = 100'000;
  const TemporaryFile file;
  Recorder recorder({file.path()});
  EventRing& flooded = recorder.add_ring();
  EventRing& quiet = recorder.add_ring();
  REQUIRE(recorder.start());
  quiet.push(hit(1));
  uint64_t pushed = 0;
  for (uint64_t i = 0; i < kFlood; ++i) {
    Event event = hit(2);
    event.client = SocketAddress(IpAddress::v4({10, 0, 0, 7}), static_cast<uint16_t>(i));
    pushed += flooded.push(event) ? 1U : 0U;
  }
  recorder.stop();
  const auto lines = file.lines();
  CHECK(lines.size() <= 4);
  uint64_t told = 0;
  for (const std::string& line : lines) {
    told += nlohmann::json::parse(line).value("count", uint64_t{1});
  }
  CHECK(told == pushed + 1);
  CHECK(recorder.recorded() == pushed + 1);
  CHECK(recorder.condensed() == pushed - 1);
  HitQuery all;
  CHECK(recorder.history().find(all).size() == lines.size());
}

TEST_CASE("a full disk loses lines, counted, and nothing else", "[events][recorder]") {
  Recorder recorder({"/dev/full"});
  EventRing& ring = recorder.add_ring();
  REQUIRE(recorder.start());
  for (int i = 0; i < 10; ++i) {
    ring.push(hit(i));
  }
  recorder.stop();
  CHECK(recorder.recorded() == 10);
  CHECK(recorder.unwritten() == 10);
  CHECK(recorder.history().last_number() == 10);
}

TEST_CASE("a line that the disk cut short is not joined with the next", "[events][recorder]") {
  const TemporaryFile file;
  const pid_t child = fork();  // the limit is the process's
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{700, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &small);
    Recorder recorder({file.path()});
    EventRing& ring = recorder.add_ring();
    if (!recorder.start()) {
      _exit(1);
    }
    for (int i = 0; i < 10; ++i) {
      ring.push(hit(i));
    }
    while (recorder.unwritten() == 0) {
      std::this_thread::yield();
    }
    const rlimit large{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &large);
    ring.push(hit(77));
    recorder.stop();
    _exit(recorder.recorded() == 11 ? static_cast<int>(100 + recorder.unwritten()) : 2);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  const int lost = WEXITSTATUS(status) - 100;
  const auto lines = file.lines();
  REQUIRE(lines.size() > 2);
  int whole = 0;
  for (const std::string& line : lines) {
    whole += nlohmann::json::accept(line) ? 1 : 0;
  }
  CHECK(whole == static_cast<int>(lines.size()) - 1);  // only the one that was cut is none
  CHECK(whole + lost == 11);
  CHECK(nlohmann::json::parse(lines.back())["name"] == "n77.test");
}

TEST_CASE("after a rotation a new file is begun", "[events][recorder]") {
  const TemporaryFile file;
  const std::string rotated = file.path() + ".1";
  Recorder recorder({file.path()});
  EventRing& ring = recorder.add_ring();
  REQUIRE(recorder.start());
  ring.push(hit(1));
  while (recorder.recorded() < 1) {
    std::this_thread::yield();
  }
  REQUIRE(std::rename(file.path().c_str(), rotated.c_str()) == 0);
  recorder.reopen();
  while (::access(file.path().c_str(), F_OK) != 0) {
    std::this_thread::yield();
  }
  ring.push(hit(2));
  recorder.stop();
  CHECK(file.lines().size() == 1);
  ::unlink(rotated.c_str());
}

TEST_CASE("a file that cannot be opened is named", "[events][recorder]") {
  Recorder recorder({"/nonexistent/events.jsonl"});
  const auto started = recorder.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find("/nonexistent/events.jsonl") != std::string::npos);
}

TEST_CASE("a file that cannot be opened leaves the history, and is written once it can be",
          "[events][recorder]") {
  const TemporaryFolder folder;
  Faults faults;
  Recorder recorder({folder / "later/events.jsonl"}, &faults);
  EventRing& ring = recorder.add_ring();
  CHECK_FALSE(recorder.start());
  CHECK(faults.is_off(Part::kEventFile));
  ring.push(hit(1));
  while (recorder.history().last_number() < 1 || recorder.unwritten() < 1) {
    std::this_thread::yield();
  }
  CHECK(recorder.history().last_number() == 1);
  CHECK(recorder.unwritten() == 1);
  recorder.reopen();  // still no folder
  std::filesystem::create_directory(folder / "later");
  recorder.reopen();
  while (faults.is_off(Part::kEventFile)) {
    std::this_thread::yield();
  }
  ring.push(hit(2));
  recorder.stop();
  CHECK(recorder.unwritten() == 1);
  CHECK(folder.read("later/events.jsonl").find("n2.test") != std::string::npos);
}

TEST_CASE("a disk that is still full when the file is opened again is said again", "[events][recorder]") {
  Faults faults;
  Recorder recorder({"/dev/full"}, &faults);
  EventRing& ring = recorder.add_ring();
  REQUIRE(recorder.start());
  const auto fails = [&](int number) {
    ring.push(hit(number));
    for (int i = 0; i < 2000 && !faults.is_off(Part::kEventFile); ++i) {
      std::this_thread::sleep_for(milliseconds{1});
    }
    return faults.is_off(Part::kEventFile);
  };
  CHECK(fails(1));
  recorder.reopen();
  while (faults.is_off(Part::kEventFile)) {
    std::this_thread::yield();
  }
  CHECK(fails(2));
  recorder.stop();
  CHECK(recorder.unwritten() == 2);
}

namespace {

// A reader who has opened the pipe and may take his time.
struct Pipe {
  TemporaryFolder folder;
  std::string path = folder / "events";
  int reader = -1;
  std::string taken;

  Pipe() {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
  }
  ~Pipe() { ::close(reader); }
  bool take() {
    std::array<char, 4096> some{};
    const ssize_t size = ::read(reader, some.data(), some.size());
    taken.append(some.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return size > 0;
  }
  void take_until(const std::string& last) {
    for (int i = 0; i < 4000 && taken.find(last) == std::string::npos; ++i) {
      if (!take()) {
        std::this_thread::sleep_for(milliseconds{1});
      }
    }
  }
  // How many lines; the first that is none of ours ends the count.
  [[nodiscard]] int whole_lines() const {
    std::istringstream in(taken);
    int count = 0;
    for (std::string line; std::getline(in, line) && nlohmann::json::accept(line);) {
      ++count;
    }
    return count;
  }
};

// Pushed so slowly that the ring loses none.
void push_slowly(EventRing& ring, Recorder& recorder, int first, int last) {
  const uint64_t before = recorder.recorded();
  for (int i = first; i < last; ++i) {
    ring.push(hit(i));
    while (recorder.recorded() + 500 < before + static_cast<uint64_t>(i - first)) {
      std::this_thread::yield();
    }
  }
  while (recorder.recorded() < before + static_cast<uint64_t>(last - first)) {
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("a reader of a pipe who pauses gets every line, whole, when he comes back", "[events][recorder]") {
  Pipe pipe;
  Faults faults;
  Recorder recorder({pipe.path, 0}, &faults);
  EventRing& ring = recorder.add_ring();
  REQUIRE(recorder.start());
  push_slowly(ring, recorder, 0, 1000);  // more than the 64 KiB of a pipe
  CHECK_FALSE(faults.is_off(Part::kEventFile));
  pipe.take_until("n999.test");
  recorder.stop();
  while (pipe.take()) {
  }
  CHECK(pipe.whole_lines() == 1000);
  CHECK(recorder.unwritten() == 0);
}

TEST_CASE("what waits for the reader of a pipe is bounded, and he gets whole lines after the loss",
          "[events][recorder]") {
  Pipe pipe;
  Faults faults;
  Recorder recorder({pipe.path, 0}, &faults);
  EventRing& ring = recorder.add_ring();
  REQUIRE(recorder.start());
  int count = 0;
  while (!faults.is_off(Part::kEventFile) && count < 40'000) {
    push_slowly(ring, recorder, count, count + 1000);
    count += 1000;
    std::this_thread::sleep_for(milliseconds{30});  // it writes after it has counted
  }
  REQUIRE(faults.is_off(Part::kEventFile));
  while (faults.is_off(Part::kEventFile)) {
    pipe.take();
  }
  push_slowly(ring, recorder, 90'000, 90'001);
  pipe.take_until("n90000.test");
  recorder.stop();
  while (pipe.take()) {
  }
  CHECK(recorder.unwritten() > 0);
  CHECK(pipe.whole_lines() == count + 1 - static_cast<int>(recorder.unwritten()));
}

TEST_CASE("without a file there is still the history", "[events][recorder]") {
  Recorder recorder({""});
  EventRing& ring = recorder.add_ring();
  REQUIRE(recorder.start());
  ring.push(hit(1));
  recorder.stop();
  CHECK(recorder.history().last_number() == 1);
  CHECK(recorder.unwritten() == 0);
}

}  // namespace cenote::recorder_test
