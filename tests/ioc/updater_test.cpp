#include "ioc/updater.h"

#include <filesystem>
#include <fstream>
#include <future>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/support/pushed_list.h"

namespace cenote::updater_test {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    static int count = 0;
    path_ = fs::temp_directory_path() /
            ("cenote-updater-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string at(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name), std::ios::binary | std::ios::trunc) << text;
  }

 private:
  fs::path path_;
};

FeedSettings feed(std::string name, std::string source = "push") {
  FeedSettings settings;
  settings.name = std::move(name);
  settings.source = std::move(source);
  settings.format = "plain";
  return settings;
}

// An updater with everything that it published.
class Running {
 public:
  Running(const Folder& folder, std::vector<FeedSettings> feeds)
      : Running(settings_for(folder, std::move(feeds))) {}
  explicit Running(IocSettings settings)
      : updater(std::move(settings),
                [this](std::shared_ptr<const Snapshot> snapshot) { adopt(std::move(snapshot)); }) {
    const Result<void> loaded = updater.load();
    INFO((loaded ? std::string() : loaded.error().message));
    REQUIRE(loaded);
    updater.start();
  }
  static IocSettings settings_for(const Folder& folder, std::vector<FeedSettings> feeds) {
    IocSettings settings;
    settings.feeds = std::move(feeds);
    settings.state_dir = folder.at("state");
    settings.base_dir = folder.at("");
    return settings;
  }

  // The action of the first entry that covers the name; kPass when none does.
  Action action(std::string_view name) {
    const std::lock_guard lock(mutex_);
    std::array<Hit, kUsualHits> hits;
    const size_t count = snapshot_->find(Name::from_text(name).value(), hits);
    return count == 0 ? Action::kPass : snapshot_->record(hits[0].record).action;
  }
  // Whom the first of them is for, when it is an exception.
  std::string excepted(std::string_view name) {
    const std::lock_guard lock(mutex_);
    std::array<Hit, kUsualHits> hits;
    const size_t count = snapshot_->find(Name::from_text(name).value(), hits);
    return count == 0 ? "nobody" : std::string(snapshot_->record(hits[0].record).source_ref);
  }
  void wait_for(std::string_view name, Action wanted) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, seconds(60), [&] {
      std::array<Hit, kUsualHits> hits;
      const size_t count = snapshot_->find(Name::from_text(name).value(), hits);
      return (count == 0 ? Action::kPass : snapshot_->record(hits[0].record).action) == wanted;
    });
    REQUIRE(came);
  }

  ChangeResult push(const std::string& name, const std::string& body, bool dry_run = false) {
    PushRequest request;
    request.feed = name;
    request.list = test::pushed_list(updater, body);
    request.who = "tester";
    request.dry_run = dry_run;
    return done([&](Updater::Done then) { updater.push(request, std::move(then)); });
  }
  ChangeResult patch(const std::string& name, std::vector<std::string> add, std::vector<std::string> remove) {
    return done([&](Updater::Done then) { updater.patch({name, add, remove, "tester"}, std::move(then)); });
  }
  ChangeResult rollback(uint64_t generation) {
    return done([&](Updater::Done then) { updater.rollback(generation, "tester", std::move(then)); });
  }
  ChangeResult allow(const std::string& name, const std::string& client = {}) {
    ExceptionSettings exception;
    exception.name = name;
    exception.reason = "contract";
    exception.client = client;
    return done([&](Updater::Done then) { updater.add_exception(exception, "tester", std::move(then)); });
  }
  template <typename Ask>
  static ChangeResult done(Ask ask) {
    std::promise<ChangeResult> promise;
    ask([&](ChangeResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  FeedStatus status(const std::string& name) {
    for (const FeedStatus& each : updater.feeds()) {
      if (each.name == name) {
        return each;
      }
    }
    FAIL("no feed " << name);
    return {};
  }
  static void wait_for_file(const std::string& path) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!fs::exists(path) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    REQUIRE(fs::exists(path));
  }
  [[nodiscard]] uint64_t published() {
    const std::lock_guard lock(mutex_);
    return published_;
  }

 private:
  void adopt(std::shared_ptr<const Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
    ++published_;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const Snapshot> snapshot_;
  uint64_t published_ = 0;

 public:
  Updater updater;
};

}  // namespace

TEST_CASE("a pushed list is in force when the push is answered", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  CHECK(running.action("evil.example.com") == Action::kPass);
  const ChangeResult result = running.push("intel", "evil.example.com\nbad_line!\nworse.example.com\n");
  INFO(result.error);
  REQUIRE(result.accepted);
  CHECK(result.added == 2);
  CHECK(result.removed == 0);
  CHECK(result.rejected == 1);
  REQUIRE(result.first_rejects.size() == 1);
  CHECK(result.first_rejects[0].line == 2);
  CHECK(running.action("evil.example.com") == Action::kSinkhole);
  CHECK(running.updater.generation() == result.generation);
  const ChangeResult next = running.push("intel", "worse.example.com\nnew.example.com\n");
  CHECK(next.generation == result.generation + 1);
  CHECK(next.added == 1);
  CHECK(next.removed == 1);
  CHECK(next.unchanged == 1);
  CHECK(running.action("evil.example.com") == Action::kPass);
  CHECK(running.status("intel").entries == 2);
  CHECK(running.status("intel").who == "tester");
  CHECK(running.updater.rejects("intel").empty());
}

TEST_CASE("a dry run tells what a push would do and does nothing", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  running.push("intel", "a.example.com\n");
  const uint64_t before = running.updater.generation();
  const ChangeResult result = running.push("intel", "b.example.com\nc.example.com\n", true);
  CHECK(result.accepted);
  CHECK(result.added == 2);
  CHECK(result.removed == 1);
  CHECK(running.updater.generation() == before);
  CHECK(running.action("a.example.com") == Action::kSinkhole);
  CHECK(running.action("b.example.com") == Action::kPass);
}

TEST_CASE("a list that comes back empty leaves the last good one in force", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  running.push("intel", "a.example.com\n");
  for (const char* broken : {"", "# nothing here\n", "<html><body>not found</body></html>"}) {
    const ChangeResult result = running.push("intel", broken);
    CHECK_FALSE(result.accepted);
    CHECK_FALSE(result.error.empty());
    CHECK(running.action("a.example.com") == Action::kSinkhole);
    CHECK(running.status("intel").last_error == result.error);
  }
}

TEST_CASE("a push to a feed that nobody configured is refused", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  CHECK_FALSE(running.push("other", "a.example.com\n").accepted);
}

TEST_CASE("a restart begins with what was acknowledged before", "[ioc][updater]") {
  const Folder folder;
  uint64_t generation = 0;
  {
    Running running(folder, {feed("one"), feed("two")});
    running.push("one", "a.example.com\n");
    running.push("two", "b.example.com\n");
    generation = running.allow("partner.example").generation;
  }
  {
    Running again(folder, {feed("one"), feed("two")});
    CHECK(again.published() == 1);
    CHECK(again.updater.generation() == generation);
    CHECK(again.action("a.example.com") == Action::kSinkhole);
    CHECK(again.action("www.partner.example") == Action::kAllow);
  }
  SECTION("also when the compiled snapshot is damaged") {
    // The exception is in the journal that continues the push before it.
    std::ofstream(folder.at("state/snapshot-" + std::to_string(generation - 1)), std::ios::trunc)
        << "rubbish";
    Running again(folder, {feed("one"), feed("two")});
    CHECK(again.action("a.example.com") == Action::kSinkhole);
    CHECK(again.action("b.example.com") == Action::kSinkhole);
    CHECK(again.action("www.partner.example") == Action::kAllow);
  }
  SECTION("also when the manifest is damaged: then with what the one before says") {
    std::ofstream(folder.at("state/manifest.json"), std::ios::trunc) << "{";
    Running again(folder, {feed("one"), feed("two")});
    CHECK(again.action("a.example.com") == Action::kSinkhole);
    CHECK(again.action("b.example.com") == Action::kPass);
    CHECK(again.action("www.partner.example") == Action::kPass);
  }
  SECTION("a feed that left the configuration is gone, and settings that changed act") {
    FeedSettings one = feed("one");
    one.action = Action::kNxdomain;
    Running again(folder, {one});
    CHECK(again.action("a.example.com") == Action::kNxdomain);
    CHECK(again.action("b.example.com") == Action::kPass);
  }
}

TEST_CASE("two processes never share a state_dir", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  Updater second(Running::settings_for(folder, {feed("intel")}), [](std::shared_ptr<const Snapshot>) {});
  const Result<void> loaded = second.load();
  REQUIRE_FALSE(loaded);
  CHECK_THAT(loaded.error().message, Catch::Contains("another process"));
}

TEST_CASE("a file is in force at the start and a line added to it soon after", "[ioc][updater]") {
  const Folder folder;
  folder.write("list.txt", "a.example.com\n");
  Running running(folder, {feed("list", "file:list.txt")});
  CHECK(running.action("a.example.com") == Action::kSinkhole);
  folder.write("list.txt", "a.example.com\nb.example.com\n");
  running.wait_for("b.example.com", Action::kSinkhole);
  // The snapshot is published first, its numbers are shown a moment later.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (running.status("list").entries != 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(running.status("list").entries == 2);
}

TEST_CASE("a missing file is told in the status and does not stop the start", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("list", "file:absent.txt"), feed("intel")});
  CHECK_THAT(running.status("list").last_error, Catch::Contains("absent.txt"));
  CHECK(running.push("intel", "a.example.com\n").accepted);
}

TEST_CASE("lines are added to and taken out of a pushed list, also over a restart", "[ioc][updater]") {
  const Folder folder;
  {
    Running running(folder, {feed("intel")});
    running.push("intel", "a.example.com\nb.example.com\n");
    const ChangeResult result = running.patch("intel", {"c.example.com"}, {"a.example.com"});
    INFO(result.error);
    CHECK(result.added == 1);
    CHECK(result.removed == 1);
    running.patch("intel", {"d.example.com"}, {"c.example.com"});
    running.patch("intel", {"a.example.com"}, {});
  }
  Running again(folder, {feed("intel")});
  CHECK(again.action("a.example.com") == Action::kSinkhole);
  CHECK(again.action("b.example.com") == Action::kSinkhole);
  CHECK(again.action("c.example.com") == Action::kPass);
  CHECK(again.action("d.example.com") == Action::kSinkhole);
  again.push("intel", "z.example.com\n");
  CHECK(again.action("d.example.com") == Action::kPass);
}

TEST_CASE("an indicator added by hand outlives the feed's next list and is removed by hand",
          "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  running.push("intel", "a.example.com\n");
  SingleIndicator single;
  single.feed = "intel";
  single.name = "Hand.Example.COM";
  single.reason = "seen in an incident";
  single.who = "tester";
  const auto added =
      Running::done([&](Updater::Done then) { running.updater.add_indicator(single, std::move(then)); });
  INFO(added.error);
  REQUIRE(added.accepted);
  CHECK(running.action("www.hand.example.com") == Action::kSinkhole);
  running.push("intel", "b.example.com\n");
  CHECK(running.action("hand.example.com") == Action::kSinkhole);
  const auto remove = [&](const std::string& name) {
    return Running::done([&](Updater::Done then) {
      running.updater.remove_indicator("intel", name, "tester", std::move(then));
    });
  };
  CHECK(remove("hand.example.com").accepted);
  CHECK(running.action("hand.example.com") == Action::kPass);
  CHECK(remove("b.example.com").accepted);
  CHECK(running.action("b.example.com") == Action::kPass);
  CHECK_FALSE(remove("nobody.example.com").accepted);
}

TEST_CASE("protected names are never listed, whoever asks", "[ioc][updater]") {
  const Folder folder;
  IocSettings settings = Running::settings_for(folder, {feed("intel")});
  settings.protect = {"corp.example.com"};
  settings.feeds[0].options["scope"] = "suffix";
  Running running(settings);
  const ChangeResult result =
      running.push("intel", "corp.example.com\nwww.corp.example.com\nexample.com\nok.example.net\n");
  CHECK(result.added == 1);
  CHECK(running.action("www.corp.example.com") == Action::kPass);
  SingleIndicator single;
  single.feed = "intel";
  single.name = "www.corp.example.com";
  CHECK_FALSE(Running::done([&](Updater::Done then) {
                running.updater.add_indicator(single, std::move(then));
              }).accepted);
}

TEST_CASE("exceptions for one name and several clients stand side by side", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  CHECK(running.allow("partner.example").accepted);
  CHECK(running.allow("partner.example", "10.0.9.0/24").accepted);
  CHECK_FALSE(running.allow("partner.example", "10.0.9.1/24").accepted);
  CHECK(running.allow("partner.example", for_group("lab")).accepted);
  CHECK_FALSE(running.allow("partner.example", for_group("")).accepted);
  CHECK(running.updater.exceptions().size() == 3);
  CHECK(running.action("x.partner.example") == Action::kAllow);
  const auto removed = Running::done([&](Updater::Done then) {
    running.updater.remove_exception("partner.example", "tester", std::move(then));
  });
  CHECK(removed.accepted);
  CHECK(running.action("x.partner.example") == Action::kPass);
}

TEST_CASE("whom an exception is for stays over a restart, and follows the configuration", "[ioc][updater]") {
  const Folder folder;
  IocSettings settings = Running::settings_for(folder, {feed("intel")});
  settings.exceptions = {{"own.example", false, "contract", {}, for_group("lab")}};
  {
    Running running(settings);
    CHECK(running.excepted("partner.example") == "nobody");
    CHECK(running.allow("partner.example", for_group("lab")).accepted);
    CHECK(running.excepted("partner.example") == "group:lab");
    CHECK(running.excepted("own.example") == "group:lab");
  }
  settings.exceptions[0].client = for_group("office");
  Running again(settings);
  CHECK(again.excepted("partner.example") == "group:lab");
  CHECK(again.excepted("own.example") == "group:office");
  const auto exceptions = again.updater.exceptions();
  REQUIRE(exceptions.size() == 2);
  CHECK(excepted_group(exceptions[0].exception.client) == "lab");
}

TEST_CASE("the configuration's exception is listed again when the one that a person added ends",
          "[ioc][updater]") {
  const Folder folder;
  IocSettings settings = Running::settings_for(folder, {feed("intel")});
  settings.exceptions = {{"own.example", false, "contract", {}, {}}};
  Running running(settings);
  CHECK(running.allow("own.example").accepted);
  CHECK(running.updater.exceptions().size() == 2);
  CHECK(Running::done([&](Updater::Done then) {
          running.updater.remove_exception("own.example", "tester", std::move(then));
        }).accepted);
  CHECK(running.action("own.example") == Action::kAllow);
  const auto exceptions = running.updater.exceptions();
  REQUIRE(exceptions.size() == 1);
  CHECK(exceptions[0].who == "configuration");
}

TEST_CASE("a rollback brings back a generation's lists under a new number", "[ioc][updater]") {
  const Folder folder;
  {
    Running running(folder, {feed("one"), feed("two")});
    const uint64_t good = running.push("one", "a.example.com\n").generation;
    running.push("two", "b.example.com\n");
    const uint64_t last = running.push("one", "accident.example.com\n").generation;
    const ChangeResult result = running.rollback(good);
    INFO(result.error);
    REQUIRE(result.accepted);
    CHECK(result.generation == last + 1);
    CHECK(running.action("a.example.com") == Action::kSinkhole);
    CHECK(running.action("b.example.com") == Action::kPass);
    CHECK(running.action("accident.example.com") == Action::kPass);
    CHECK(running.updater.generations().front().current);
    CHECK_FALSE(running.rollback(9999).accepted);
  }
  Running again(folder, {feed("one"), feed("two")});
  CHECK(again.action("a.example.com") == Action::kSinkhole);
  CHECK(again.action("accident.example.com") == Action::kPass);
}

TEST_CASE("a rollback takes the policy that was compiled then, and tells how it differs", "[ioc][updater]") {
  const Folder folder;
  uint64_t good = 0;
  const auto lose_lists = [&] {
    fs::remove_all(folder.at("state/contents"));
    fs::create_directories(folder.at("state/contents"));
  };
  const auto is_back = [](Running& running) {
    return running.action("a.example.com") == Action::kSinkhole &&
           running.action("b.example.com") == Action::kSinkhole &&
           running.action("accident.example.com") == Action::kPass &&
           running.action("late.example.com") == Action::kPass;
  };
  {
    Running running(folder, {feed("one"), feed("two")});
    running.push("two", "b.example.com\n");
    good = running.push("one", "a.example.com\nc.example.com\n185.10.20.30\n").generation;
    running.push("one", "accident.example.com\nc.example.com\n185.10.20.31\n");
    REQUIRE(running.patch("one", {"late.example.com"}, {}).accepted);
    SECTION("without its lists: nothing is compiled again") {
      lose_lists();
      const ChangeResult result = running.rollback(good);
      INFO(result.error);
      REQUIRE(result.accepted);
      CHECK(result.added == 2);
      CHECK(result.removed == 3);
      CHECK(result.unchanged == 1);
      CHECK(is_back(running));
      CHECK(running.status("one").entries == 3);
      CHECK(running.updater.generations().front().names == 3);
    }
    SECTION("without it the lists are compiled again") {
      fs::remove(folder.at("state/snapshot-" + std::to_string(good)));
      REQUIRE(running.rollback(good).accepted);
      CHECK(is_back(running));
    }
    SECTION("with one that is damaged, too") {
      fs::resize_file(folder.at("state/snapshot-" + std::to_string(good)), 100);
      REQUIRE(running.rollback(good).accepted);
      CHECK(is_back(running));
    }
  }
  Running again(folder, {feed("one"), feed("two")});
  CHECK(is_back(again));
  CHECK(again.push("one", "next.example.com\n").added == 1);
  CHECK(again.action("b.example.com") == Action::kSinkhole);
}

TEST_CASE("a rollback compiles again what the configuration says otherwise by now", "[ioc][updater]") {
  const Folder folder;
  uint64_t good = 0;
  {
    Running running(folder, {feed("one")});
    good = running.push("one", "a.example.com\n").generation;
    running.push("one", "b.example.com\n");
  }
  std::vector<FeedSettings> feeds{feed("one")};
  SECTION("about a feed") {
    feeds[0].action = Action::kMonitor;
  }
  SECTION("about which feeds there are") {
    feeds.push_back(feed("two"));
  }
  Running running(folder, feeds);
  REQUIRE(running.rollback(good).accepted);
  CHECK(running.action("a.example.com") == feeds[0].action);
  CHECK(running.action("b.example.com") == Action::kPass);
  CHECK(running.updater.feeds().size() == feeds.size());
}

TEST_CASE("a rollback to before a small change takes it back as well", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("one")});
  const uint64_t base = running.push("one", "a.example.com\n").generation;
  REQUIRE(running.allow("partner.example").accepted);
  const uint64_t patched = running.patch("one", {"b.example.com"}, {}).generation;
  running.push("one", "accident.example.com\n");
  REQUIRE(running.rollback(base).accepted);
  CHECK(running.action("b.example.com") == Action::kPass);
  CHECK(running.action("x.partner.example") == Action::kPass);
  REQUIRE(running.rollback(patched).accepted);
  CHECK(running.action("a.example.com") == Action::kSinkhole);
  CHECK(running.action("b.example.com") == Action::kSinkhole);
  CHECK(running.action("x.partner.example") == Action::kAllow);
  CHECK(running.action("accident.example.com") == Action::kPass);
}

TEST_CASE("ten generations back can be rolled back to, and what no generation needs is deleted",
          "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  std::vector<uint64_t> generations;
  for (int i = 0; i < 40; ++i) {
    generations.push_back(running.push("intel", "n" + std::to_string(i) + ".example.com\n").generation);
  }
  const auto contents =
      std::distance(fs::directory_iterator(folder.at("state/contents")), fs::directory_iterator{});
  CHECK(contents <= 14);
  REQUIRE(running.rollback(generations[29]).accepted);
  CHECK(running.action("n29.example.com") == Action::kSinkhole);
}

TEST_CASE("a reload takes feeds in and out and reads files again", "[ioc][updater]") {
  const Folder folder;
  folder.write("list.txt", "a.example.com\n");
  Running running(folder, {feed("intel")});
  running.push("intel", "p.example.com\n");
  const auto reload = [&](std::vector<FeedSettings> feeds) {
    return Running::done([&](Updater::Done then) {
      running.updater.reload(Running::settings_for(folder, feeds), std::move(then));
    });
  };
  CHECK(reload({feed("intel"), feed("list", "file:list.txt")}).accepted);
  CHECK(running.action("a.example.com") == Action::kSinkhole);
  CHECK(running.action("p.example.com") == Action::kSinkhole);
  const uint64_t generation = running.updater.generation();
  CHECK(reload({feed("intel"), feed("list", "file:list.txt")}).generation == generation);
  CHECK(reload({feed("list", "file:list.txt")}).accepted);
  CHECK(running.action("p.example.com") == Action::kPass);
}

TEST_CASE("a feed that left the configuration and came back has its last list and what people added",
          "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel"), feed("other")});
  running.push("intel", "p.example.com\nq.example.com\n");
  running.patch("intel", {}, {"q.example.com"});
  SingleIndicator single;
  single.feed = "intel";
  single.name = "hand.example.com";
  Running::done([&](Updater::Done then) { running.updater.add_indicator(single, std::move(then)); });
  const auto reload = [&](std::vector<FeedSettings> feeds) {
    return Running::done([&](Updater::Done then) {
      running.updater.reload(Running::settings_for(folder, feeds), std::move(then));
    });
  };
  REQUIRE(reload({feed("other")}).accepted);
  CHECK(running.action("p.example.com") == Action::kPass);
  CHECK(running.action("hand.example.com") == Action::kPass);
  REQUIRE(reload({feed("intel"), feed("other")}).accepted);
  CHECK(running.action("p.example.com") == Action::kSinkhole);
  CHECK(running.action("q.example.com") == Action::kPass);
  CHECK(running.action("hand.example.com") == Action::kSinkhole);
}

TEST_CASE("small changes are folded into a new base and nothing else changes by it", "[ioc][updater]") {
  const Folder folder;
  IocSettings settings = Running::settings_for(folder, {feed("intel")});
  settings.fold_entries = 3;
  uint64_t generation = 0;
  {
    Running running(settings);
    running.push("intel", "a.example.com\nb.example.com\n");
    running.patch("intel", {"c.example.com"}, {"a.example.com"});
    const uint64_t third = running.allow("partner.example").generation;
    generation = running.patch("intel", {"d.example.com"}, {}).generation;
    running.wait_for_file(folder.at("state/snapshot-" + std::to_string(third)));
    running.patch("intel", {"e.example.com"}, {"b.example.com"});
    CHECK(running.updater.generation() == generation + 1);
    CHECK(running.updater.generations().front().number == generation + 1);
    CHECK(running.status("intel").entries == 3);
    REQUIRE(running.rollback(generation).accepted);
    CHECK(running.action("b.example.com") == Action::kSinkhole);
    CHECK(running.action("e.example.com") == Action::kPass);
  }
  Running again(settings);
  CHECK(again.updater.generation() == generation + 2);
  CHECK(again.action("a.example.com") == Action::kPass);
  for (const char* name : {"b.example.com", "c.example.com", "d.example.com"}) {
    CHECK(again.action(name) == Action::kSinkhole);
  }
  CHECK(again.action("x.partner.example") == Action::kAllow);
}

TEST_CASE("a small change outlives a restart without a new compiled snapshot", "[ioc][updater]") {
  const Folder folder;
  uint64_t base = 0;
  {
    Running running(folder, {feed("intel")});
    base = running.push("intel", "a.example.com\nb.example.com\n").generation;
    running.patch("intel", {"c.example.com", "*bad*"}, {"a.example.com"});
    CHECK(running.status("intel").rejected == 1);
    CHECK(running.updater.rejects("intel").size() == 1);
  }
  Running again(folder, {feed("intel")});
  CHECK(fs::exists(folder.at("state/snapshot-" + std::to_string(base))));
  CHECK(again.updater.generation() == base + 1);
  CHECK(again.action("a.example.com") == Action::kPass);
  CHECK(again.action("c.example.com") == Action::kSinkhole);
  CHECK(again.updater.rejects("intel").size() == 1);
  CHECK(again.status("intel").entries == 2);
}

TEST_CASE("a stopped updater answers every job with an error", "[ioc][updater]") {
  const Folder folder;
  Running running(folder, {feed("intel")});
  running.updater.stop();
  const ChangeResult result = running.push("intel", "a.example.com\n");
  CHECK_FALSE(result.accepted);
  CHECK(result.error == "stopping");
}

TEST_CASE("small changes do not wait for a list that is being compiled, and stay over it", "[ioc][updater]") {
  const Folder folder;
  std::string list;
  for (int i = 0; i < 60'000; ++i) {
    list += "host" + std::to_string(i) + ".example\n";
  }
  FeedSettings large = feed("large");
  large.max_growth = 0;
  const std::vector<FeedSettings> feeds = {large, feed("small")};
  {
    Running running(folder, feeds);
    REQUIRE(running.push("large", "gone.example\n").accepted);
    const uint64_t before = running.updater.generation();
    std::promise<ChangeResult> pushed;
    running.updater.push({"large", test::pushed_list(running.updater, list), "", "test", false},
                         [&](ChangeResult result) { pushed.set_value(std::move(result)); });
    // Both are there before the list is: to the list's own feed, and to another one.
    std::promise<ChangeResult> patched;
    running.updater.patch({"large", {"patched.example"}, {"host7.example"}, "test"},
                          [&](ChangeResult result) { patched.set_value(std::move(result)); });
    std::promise<ChangeResult> added;
    SingleIndicator single;
    single.feed = "small";
    single.name = "single.example";
    running.updater.add_indicator(single, [&](ChangeResult result) { added.set_value(std::move(result)); });
    const ChangeResult list_result = pushed.get_future().get();
    const ChangeResult patch_result = patched.get_future().get();
    const ChangeResult added_result = added.get_future().get();
    REQUIRE(list_result.accepted);
    CHECK(patch_result.accepted);
    CHECK(patch_result.generation == before + 1);
    CHECK(added_result.accepted);
    CHECK(added_result.generation == before + 2);
    CHECK(list_result.generation == before + 3);
    CHECK(running.updater.generation() == before + 5);  // both once more, over the list
    CHECK(running.updater.generations().at(0).what == "add single.example to small");
    CHECK(running.updater.generations().at(1).what == "patch large");
    uint64_t last = 0;  // the record has the order of the generations
    for (const std::string& line : running.updater.audit(0, 100).lines) {
      const uint64_t generation = nlohmann::json::parse(line)["generation"];
      CHECK(generation > last);
      last = generation;
    }
    CHECK(last == before + 5);
  }
  Running running(folder, feeds);  // and a restart finds it so
  for (const char* name : {"patched.example", "single.example", "host8.example", "host59999.example"}) {
    CAPTURE(name);
    CHECK(running.action(name) == Action::kSinkhole);
  }
  for (const char* name : {"gone.example", "host7.example"}) {
    CAPTURE(name);
    CHECK(running.action(name) == Action::kPass);
  }
}

}  // namespace cenote::updater_test
