// Pushes to an updater until it is killed, and says on its standard output what was acknowledged, a line
// each, after "ready":
//   push_story steps STATE_DIR SEED FIRST_STEP         PushStory: the number of each step
//   push_story lists STATE_DIR FIRST_NAME FIRST_LIST   ListStory: "name N" and "list N"
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string_view>
#include <thread>

#include <unistd.h>

#include "resolver/base/log.h"
#include "tests/ioc/list_story.h"
#include "tests/ioc/push_story.h"

namespace {

using namespace cenote;

class Answers {
 public:
  Answers() : descriptor_(::dup(STDOUT_FILENO)) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);  // where the log goes
  }
  // Whole lines, from any thread. False: nobody listens any more.
  bool say(const std::string& line) const {
    const std::string text = line + "\n";
    return ::write(descriptor_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }

 private:
  int descriptor_;
};

template <typename Ask>
void wait_for(Ask ask) {
  std::promise<void> answered;
  ask([&](const ChangeResult&) { answered.set_value(); });
  answered.get_future().get();
}

int tell_steps(Updater& updater, const Answers& answers, uint64_t seed, uint64_t step) {
  const test::PushStory story(seed);
  do {
    story.happen(step, updater);
  } while (answers.say(std::to_string(step++)));
  return 0;
}

int tell_lists(Updater& updater, const Answers& answers, uint64_t name, uint64_t list) {
  std::thread lists([&] {
    do {
      wait_for([&](auto done) {
        updater.push({"list", test::pushed_list(updater, test::ListStory::text(list)), "", "story", false},
                     done);
      });
    } while (answers.say("list " + std::to_string(list++)));
  });
  do {
    wait_for([&](auto done) { updater.patch({"small", {test::ListStory::small(name)}, {}, "story"}, done); });
  } while (answers.say("name " + std::to_string(name++)));
  lists.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    return 2;
  }
  const Answers answers;
  const bool is_of_lists = std::string_view(argv[1]) == "lists";
  Updater updater(is_of_lists ? test::ListStory::settings(argv[2]) : test::PushStory::settings(argv[2]),
                  [](std::shared_ptr<const Snapshot>) {});
  if (const Result<void> loaded = updater.load(); !loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    return 1;
  }
  updater.start();
  answers.say("ready");
  const uint64_t third = std::strtoull(argv[3], nullptr, 10);
  const uint64_t fourth = std::strtoull(argv[4], nullptr, 10);
  return is_of_lists ? tell_lists(updater, answers, third, fourth)
                     : tell_steps(updater, answers, third, fourth);
}
