// Tells a push story to an updater until it is killed: push_story STATE_DIR SEED FIRST_STEP. Says on its
// standard output what was acknowledged: "ready", then the number of each step.
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "resolver/base/log.h"
#include "tests/ioc/push_story.h"

int main(int, char** argv) {
  using namespace cenote;
  const int answers = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // where the log goes
  const auto say = [&](const std::string& line) {
    const std::string text = line + "\n";
    return ::write(answers, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  };
  const test::PushStory story(std::strtoull(argv[2], nullptr, 10));
  Updater updater(test::PushStory::settings(argv[1]), [](std::shared_ptr<const Snapshot>) {});
  if (const Result<void> loaded = updater.load(); !loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    return 1;
  }
  updater.start();
  say("ready");
  for (uint64_t step = std::strtoull(argv[3], nullptr, 10);; ++step) {
    story.happen(step, updater);
    if (!say(std::to_string(step))) {
      return 0;  // nobody listens any more
    }
  }
}
