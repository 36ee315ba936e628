#include "ioc/store.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "ioc/incoming_list.h"
#include "ioc/sealed_text.h"
#include "ioc/small_change.h"
#include "ioc/store_json.h"
#include "ioc/temporary_file.h"
#include "tests/support/temporary_folder.h"

namespace cenote::store_test {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Store> open(const TemporaryFolder& folder) {
  auto store = Store::open(folder.path());
  REQUIRE(store);
  return std::move(*store);
}

void put_snapshot(Store& store, uint64_t generation, const std::string& text) {
  const std::string any = store.snapshot_path(generation);
  auto file = TemporaryFile::create(fs::path(any).parent_path().string());
  REQUIRE(file);
  REQUIRE(file->append(as_bytes(text)));
  REQUIRE(store.put_snapshot(generation, *file));
}

// A whole list of the feed "f".
void push(Store& store, const std::string& body) {
  StoredGeneration next = store.current();
  next.number = store.next_number();
  next.what = "push " + body;
  const auto id = store.put_content(body);
  REQUIRE(id);
  next.feeds["f"].content = *id;
  next.feeds["f"].drop_patch();
  put_snapshot(store, next.number, "snapshot of " + body);
  REQUIRE(store.commit(next));
}

SmallChange patch_of(const Store& store, const std::string& patch) {
  SmallChange change;
  change.number = store.next_number();
  change.what = "patch";
  change.feed = "f";
  change.settings = "s";
  change.patch = patch;
  return change;
}
void patch(Store& store, const std::string& text) {
  REQUIRE(store.append(patch_of(store, text)));
}

std::string patch_text(const Store& store, uint64_t generation) {
  const auto kept = store.generation(generation);
  REQUIRE(kept);
  return store.patch_of(kept->feeds.at("f")).value();
}

std::unique_ptr<Store> open_again(const TemporaryFolder& folder) {
  const TemporaryFolder copy;
  fs::copy(folder.path(), copy.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  return open(copy);
}

void flip_byte(const std::string& path, size_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

}  // namespace

TEST_CASE("a store comes back as it was left", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    CHECK(store->current().number == 0);
    push(*store, "one");
    push(*store, "two");
    patch(*store, "+a\n");
    patch(*store, "-b\n");
  }
  const auto store = open(folder);
  CHECK(store->current().number == 4);
  CHECK(store->base_number() == 2);
  CHECK(store->changes().size() == 2);
  CHECK(store->content(store->current().feeds.at("f").content).value() == "two");
  CHECK(patch_text(*store, 4) == "+a\n-b\n");
  CHECK(patch_text(*store, 3) == "+a\n");
  CHECK(patch_text(*store, 2).empty());
  CHECK(store->content(store->generation(1)->feeds.at("f").content).value() == "one");
}

TEST_CASE("single indicators and exceptions are kept, replaced and ended by the journal", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
    for (const char* reason : {"first", "second"}) {
      SmallChange change = patch_of(*store, "");
      change.added = SingleIndicator{"f", "x.test", true, "c2", reason, WallTime(seconds(5)), "me", {}};
      REQUIRE(store->append(change));
    }
    SmallChange other = patch_of(*store, "");
    other.added = SingleIndicator{"f", "x.test", false, "", "below too", {}, "me", {}};
    REQUIRE(store->append(other));
    SmallChange allow = patch_of(*store, "");
    allow.feed.clear();
    for (const std::string& client : {std::string("10.0.0.0/8"), for_group("lab"), for_group("lab")}) {
      allow.allowed = ExceptionRecord{{"y.test", false, "contract", {}, client}, "me", {}};
      REQUIRE(store->append(allow));
      ++allow.number;
    }
  }
  {
    const auto store = open(folder);
    REQUIRE(store->current().singles.size() == 2);
    CHECK(store->current().singles[0].reason == "second");
    CHECK(store->current().singles[0].until == WallTime(seconds(5)));
    REQUIRE(store->current().exceptions.size() == 2);
    CHECK(store->current().exceptions[0].exception.client == "10.0.0.0/8");
    CHECK(excepted_group(store->current().exceptions[1].exception.client) == "lab");
    SmallChange remove = patch_of(*store, "");
    remove.removed = "x.test";
    REQUIRE(store->append(remove));
    SmallChange end = patch_of(*store, "");
    end.feed.clear();
    end.disallowed = "y.test";
    REQUIRE(store->append(end));
  }
  const auto store = open(folder);
  CHECK(store->current().singles.empty());
  CHECK(store->current().exceptions.empty());
  CHECK(store->generation(5)->singles.size() == 2);
}

TEST_CASE("the last twelve generations are kept, however they were made", "[ioc][store]") {
  const TemporaryFolder folder;
  const auto store = open(folder);
  for (int i = 0; i < 5; ++i) {
    push(*store, std::to_string(i));
  }
  for (int i = 0; i < 10; ++i) {
    patch(*store, "+" + std::to_string(i) + "\n");
  }
  const auto check = [&](uint64_t newest) {
    const std::vector<GenerationRecord> history = store->history();
    REQUIRE(history.size() == kKeptGenerations);
    for (size_t i = 0; i < history.size(); ++i) {
      const uint64_t number = newest - kKeptGenerations + 1 + i;
      CHECK(history[i].number == number);
      CHECK(history[i].current == (number == newest));
      CHECK(store->generation(number).value().number == number);
    }
    CHECK_FALSE(store->generation(newest - kKeptGenerations));
  };
  check(15);
  const std::string before = patch_text(*store, 9);
  CHECK(before == "+0\n+1\n+2\n+3\n");
  put_snapshot(*store, 13, "folded");
  REQUIRE(store->fold(13, 1));
  CHECK(store->base_number() == 13);
  check(15);
  CHECK(patch_text(*store, 9) == before);
  CHECK(store->current().feeds.at("f").patch_tail == "+8\n+9\n");
  patch(*store, "+more\n");
  check(16);
  push(*store, "whole");
  check(17);
  CHECK(patch_text(*store, 9) == before);
  CHECK(patch_text(*store, 16) == "+0\n+1\n+2\n+3\n+4\n+5\n+6\n+7\n+8\n+9\n+more\n");
}

TEST_CASE("a fold keeps what was appended meanwhile, over a restart too", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
    patch(*store, "+a\n");
    patch(*store, "+b\n");
    put_snapshot(*store, 2, "folded");
    REQUIRE(store->fold(2, 1));
    patch(*store, "+c\n");
  }
  const auto store = open(folder);
  CHECK(store->base_number() == 2);
  CHECK(store->current().number == 4);
  CHECK(patch_text(*store, 4) == "+a\n+b\n+c\n");
  CHECK(patch_text(*store, 2) == "+a\n");
}

TEST_CASE("a fold that did not come to its end changes nothing", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
    patch(*store, "+a\n");
    // The journal of the new base was written, its manifest was not.
    fs::copy_file(folder / "journal-1", folder / "journal-2");
  }
  const auto store = open(folder);
  CHECK(store->current().number == 2);
  CHECK_FALSE(fs::exists(folder / "journal-2"));
}

TEST_CASE("a change that was torn off is not there and those before it are", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
    patch(*store, "+a\n");
    patch(*store, "+b\n");
  }
  fs::resize_file(folder / "journal-1", fs::file_size(folder / "journal-1") - 1);
  {
    const auto store = open(folder);
    CHECK(patch_text(*store, store->current().number) == "+a\n");
    patch(*store, "+c\n");
  }
  const auto store = open(folder);
  CHECK(patch_text(*store, 3) == "+a\n+c\n");
}

TEST_CASE("a damaged journal gives the generation before the damage and leaves a copy", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
    patch(*store, "+a\n");
  }
  const size_t first = fs::file_size(folder / "journal-1");
  {
    const auto store = open(folder);
    patch(*store, "+b\n");
    patch(*store, "+c\n");
  }
  flip_byte(folder / "journal-1", first + 40);
  {
    const auto store = open(folder);
    CHECK(store->current().number == 2);
    CHECK(fs::exists(folder / "journal-1.damaged"));
    patch(*store, "+d\n");
  }
  const auto store = open(folder);
  CHECK(patch_text(*store, 3) == "+a\n+d\n");
}

TEST_CASE(
    "a damaged manifest gives the one before with its own journal, and no number is used twice in two ways",
    "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
    patch(*store, "+a\n");
    push(*store, "two");
    patch(*store, "+lost\n");
  }
  fs::resize_file(folder / "manifest.json", 100);
  {
    const auto store = open(folder);
    CHECK(store->current().number == 2);
    CHECK(store->content(store->current().feeds.at("f").content).value() == "one");
    CHECK(patch_text(*store, 2) == "+a\n");
    CHECK(fs::exists(folder / "journal-3.lost"));
    CHECK(fs::exists(folder / "manifest.json.damaged"));
    CHECK(store->next_number() == 5);  // 3 and 4 were given away
    patch(*store, "+b\n");
  }
  {
    const auto store = open(folder);
    CHECK(patch_text(*store, 5) == "+a\n+b\n");
    push(*store, "three");
  }
  const auto store = open(folder);
  CHECK(store->losses().empty());
  CHECK(store->current().number == 6);
  CHECK(store->changes().empty());
  CHECK(store->content(store->current().feeds.at("f").content).value() == "three");
}

TEST_CASE("a changed byte anywhere in a manifest is noticed or changes nothing", "[ioc][store]") {
  StoredGeneration generation;
  generation.number = 7;
  generation.what = "push";
  generation.feeds["f"].content = std::string(32, 'a');
  generation.singles.push_back({"f", "x.test", true, "c2", "seen", {}, "me", {}});
  const std::string text = write_manifest({generation});
  REQUIRE(read_manifest(text));
  for (size_t at = 0; at < text.size(); ++at) {
    for (const int bit : {0, 2, 5, 7}) {
      std::string flipped = text;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      const auto read = read_manifest(flipped);
      CAPTURE(at, bit);
      REQUIRE((!read || write_manifest(read->generations) == text));
    }
  }
}

TEST_CASE("a number that no manifest of ours has is damage", "[ioc][store]") {
  StoredGeneration generation;
  generation.number = 7;
  const std::string text = *unseal(write_manifest({generation}));
  for (const char* number : {"7.5", "1e300", "-1", "18446744073709551615", "\"7\"", "[7]"}) {
    CAPTURE(number);
    const size_t at = text.find("\"number\": 7");
    REQUIRE(at != std::string::npos);
    CHECK_FALSE(read_manifest(std::string(text).replace(at + 10, 1, number)));
    const size_t made = text.find("\"made\": 0");
    REQUIRE(made != std::string::npos);
    const auto odd = read_manifest(std::string(text).replace(made + 8, 1, number));
    CHECK((!odd || odd->generations[0].made <= WallTime(milliseconds(253'402'300'799'999))));
  }
}

TEST_CASE("a journal that a manifest was written with is missed", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
    CHECK(fs::exists(folder / "journal-1"));  // empty, but there
    patch(*store, "+a\n");
  }
  SECTION("deleted") {
    fs::remove(folder / "journal-1");
  }
  SECTION("emptied") {
    fs::resize_file(folder / "journal-1", 0);
  }
  SECTION("a folder in its place") {
    fs::remove(folder / "journal-1");
    fs::create_directories(folder / "journal-1/x");
  }
  const auto store = open(folder);
  CHECK(store->losses().size() == 1);
  CHECK(store->current().number == 1);
  store->expect(2);
  CHECK(store->next_number() == 3);
  CHECK(store->losses().size() == 1);
  patch(*store, "+b\n");
  push(*store, "two");
  CHECK(open_again(folder)->losses().empty());
}

TEST_CASE("what another record knows and the files do not is a loss", "[ioc][store]") {
  const TemporaryFolder folder;
  const auto store = open(folder);
  push(*store, "one");
  store->expect(1);
  CHECK(store->losses().empty());
  store->expect(9);
  CHECK(store->losses().size() == 1);
  CHECK(store->next_number() == 10);
}

TEST_CASE("a number so large that none could follow is believed nowhere", "[ioc][store]") {
  const TemporaryFolder folder;
  const auto store = open(folder);
  push(*store, "one");
  store->expect(UINT64_MAX);
  CHECK(store->losses().empty());
  std::ofstream(folder / "snapshot-18446744073709551615") << "x";
  store->expect(3);  // a loss: what the names of files tell counts, too
  CHECK(store->next_number() == 4);
  SmallChange change;
  change.number = 7;
  CHECK(read_small_change(write_small_change(change)));
  change.number = UINT64_MAX;
  CHECK_FALSE(read_small_change(write_small_change(change)));
}

TEST_CASE("without a manifest nothing is deleted", "[ioc][store]") {
  const TemporaryFolder folder;
  std::string one, two;
  {
    const auto store = open(folder);
    push(*store, "one");
    one = store->current().feeds.at("f").content;
    push(*store, "two");
    two = store->current().feeds.at("f").content;
    patch(*store, "+a\n");
  }
  fs::remove(folder / "manifest.json");
  SECTION("that of before is taken") {
    const auto store = open(folder);
    CHECK(store->current().number == 1);
    CHECK(store->next_number() == 4);
    CHECK_FALSE(store->has_lost_all());
    push(*store, "three");
    CHECK(store->content(one).value() == "one");
    CHECK(folder.read("contents/" + two + ".lost") == "two");
    CHECK(fs::exists(folder / "journal-2.lost"));
  }
  SECTION("none of before either") {
    fs::remove(folder / "manifest.previous.json");
    const auto store = open(folder);
    CHECK(store->has_lost_all());
    CHECK(store->current().number == 0);
    CHECK(store->next_number() == 4);
    push(*store, "three");
    CHECK(folder.read("contents/" + one + ".lost") == "one");
    CHECK(folder.read("contents/" + two + ".lost") == "two");
    CHECK(store->count_set_aside() == 4);  // and two journals
  }
}

TEST_CASE("what a first commit left that did not come to its end is no loss", "[ioc][store]") {
  const TemporaryFolder folder;
  {
    const auto store = open(folder);
    push(*store, "one");
  }
  fs::remove(folder / "manifest.json");
  const auto store = open(folder);
  CHECK(store->losses().empty());
  CHECK(store->next_number() == 1);
}

TEST_CASE("a patch that cannot be read does not keep the commits of others from the disk", "[ioc][store]") {
  const TemporaryFolder folder;
  const auto store = open(folder);
  push(*store, "one");
  patch(*store, "+a\n");
  put_snapshot(*store, 2, "folded");
  REQUIRE(store->fold(2, 1));  // now it is a content
  const std::string id = store->current().feeds.at("f").patch;
  folder.write("contents/" + id, "rubbish");
  patch(*store, "+b\n");
  StoredGeneration next = store->current();
  next.number = store->next_number();
  next.feeds["other"].format = "plain";
  put_snapshot(*store, next.number, "snapshot");
  REQUIRE(store->commit(next));
  CHECK(store->current().feeds.at("f").patch_tail == "+b\n");
  const auto kept = read_manifest(folder.read("manifest.json")).value();
  CHECK(kept.generations.back().feeds.at("f").patch_tail == "+b\n");
  folder.write("contents/" + id, "+a\n");
  CHECK(patch_text(*store, next.number) == "+a\n+b\n");
}

TEST_CASE("a list comes in by pieces and is kept under the hash of all of it", "[ioc][store]") {
  const TemporaryFolder folder;
  const auto store = open(folder);
  const std::string incoming = Store::incoming_folder(folder.path());
  auto list = IncomingList::create(incoming).value();
  REQUIRE(list->append(as_bytes("a.test\n")));
  REQUIRE(list->append(as_bytes("b.test\n")));
  CHECK(list->size() == 14);
  CHECK_FALSE(fs::is_empty(incoming));
  SECTION("for the first time") {}
  SECTION("when it is there already") {
    REQUIRE(store->put_content("a.test\nb.test\n"));
  }
  SECTION("when what is there is damaged") {
    const std::string id = store->put_content("a.test\nb.test\n").value();
    folder.write("contents/" + id, "a.test\nb.te");
  }
  const auto id = store->put_content(*list);
  REQUIRE(id);
  CHECK(*id == Store::content_id("a.test\nb.test\n"));
  list.reset();
  CHECK(store->content(*id).value() == "a.test\nb.test\n");
  CHECK(fs::is_empty(incoming));
}

TEST_CASE("a list that nobody kept goes with its owner, and with a process that died at the next start",
          "[ioc][store]") {
  const TemporaryFolder folder;
  const std::string incoming = Store::incoming_folder(folder.path());
  {
    const auto store = open(folder);
    const auto list = IncomingList::create(incoming).value();
    REQUIRE(list->append(as_bytes("a.test\n")));
  }
  CHECK(fs::is_empty(incoming));
  folder.write("incoming/Xy12Zz", "half of a li");
  const auto store = open(folder);
  CHECK(fs::is_empty(incoming));
}

TEST_CASE("snapshots of earlier generations are kept as long as these are", "[ioc][store]") {
  const TemporaryFolder folder;
  const auto store = open(folder);
  for (uint64_t number = 1; number <= 20; ++number) {
    StoredGeneration next = store->current();
    next.number = number;
    next.snapshot = number % 2;  // of half of them nothing was compiled
    put_snapshot(*store, number, "snapshot");
    REQUIRE(store->commit(next));
  }
  for (uint64_t number = 1; number <= 20; ++number) {
    CAPTURE(number);
    const bool is_kept = number > 20 - kKeptGenerations && number % 2 == 1;
    CHECK(fs::exists(store->snapshot_path(number)) == (is_kept || number == 20));
  }
  patch(*store, "+a\n");
  CHECK(store->generation(21)->snapshot == 0);
  CHECK(store->generation(19)->snapshot == 1);
}

TEST_CASE("what no generation needs is deleted, and nothing that one needs", "[ioc][store]") {
  const TemporaryFolder folder;
  const auto store = open(folder);
  for (int i = 0; i < 40; ++i) {
    push(*store, std::to_string(i));
    patch(*store, "+" + std::to_string(i) + "\n");
  }
  for (const GenerationRecord& record : store->history()) {
    const StoredFeed feed = store->generation(record.number)->feeds.at("f");
    CHECK(store->content(feed.content));
    CHECK(store->patch_of(feed));
  }
  const auto count = [&](const std::string& in, const std::string& prefix) {
    size_t found = 0;
    for (const auto& entry : fs::directory_iterator(folder / in)) {
      found += entry.path().filename().string().starts_with(prefix) ? 1U : 0U;
    }
    return found;
  };
  CHECK(count("contents", "") <= 2 * kKeptGenerations);
  CHECK(count("", "snapshot-") == 1);
  CHECK(count("", "journal-") <= 2);
}

}  // namespace cenote::store_test
