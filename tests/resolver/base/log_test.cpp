#include "resolver/base/log.h"

#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace cenote::log_test {
namespace {

// Standard error goes to a file as long as this lives.
class Captured {
 public:
  Captured() {
    const int file = ::open(path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(file, STDERR_FILENO);
    ::close(file);
  }
  ~Captured() {
    dup2(before_, STDERR_FILENO);
    ::close(before_);
    (void)start_log({});
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream in(path());
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) {
      all.push_back(line);
    }
    return all;
  }

 private:
  [[nodiscard]] std::string path() const { return folder_ / "log"; }

  TemporaryFolder folder_;
  const int before_ = dup(STDERR_FILENO);
};

}  // namespace

TEST_CASE("the log may be started again while other threads log", "[base][log]") {
  constexpr int kThreads = 3;
  constexpr int kStarts = 300;
  const Captured captured;
  REQUIRE(start_log({"info", "text"}));
  std::atomic<bool> stop{false};
  std::atomic<size_t> said{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        log::info("a line of {} and {}", "some length", 42);
        ++said;
        log::debug("seldom");
      }
    });
  }
  for (int i = 0; i < kStarts; ++i) {
    REQUIRE(start_log({i % 3 == 0 ? "debug" : "info", i % 2 == 0 ? "json" : "text"}));
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  size_t whole = 0;
  for (const std::string& line : captured.lines()) {
    const bool is_text = line.ends_with(" a line of some length and 42");
    const bool is_json = nlohmann::json::accept(line) && line.find("some length and 42") != std::string::npos;
    whole += is_text || is_json ? 1 : 0;
  }
  CHECK(whole == said);
}

TEST_CASE("level and format are those of the last start", "[base][log]") {
  const Captured captured;
  REQUIRE(start_log({"info", "json"}));
  log::info("first");
  REQUIRE(start_log({"warning", "text"}));
  log::info("is not said");
  log::warn("second");
  CHECK_FALSE(start_log({"loud", "text"}));  // and stays as it was
  log::warn("third");
  const auto lines = captured.lines();
  REQUIRE(lines.size() == 3);
  CHECK(nlohmann::json::parse(lines[0])["message"] == "first");
  CHECK(lines[1].ends_with("warning second"));
  CHECK(lines[2].ends_with("warning third"));
}

}  // namespace cenote::log_test
