#include "ioc/journal.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.h"

namespace cenote::journal_test {
namespace {

std::vector<std::string> some_records() {
  return {"one", std::string(5000, 'x'), std::string("\0\1\2", 3), "last"};
}

// Writes the records and closes the file again.
void write(const std::string& path, const std::vector<std::string>& records) {
  auto journal = Journal::open(path, 0);
  REQUIRE(journal);
  for (const std::string& record : records) {
    REQUIRE((*journal)->append(record));
  }
}

}  // namespace

TEST_CASE("a journal gives back what was appended, over several openings", "[ioc][journal]") {
  const TemporaryFolder folder;
  const std::string path = folder / "journal";
  CHECK(read_journal(path).value().records.empty());
  std::vector<std::string> all;
  for (const std::string& record : some_records()) {
    const JournalContent before = read_journal(path).value();
    CHECK(before.records == all);
    CHECK(before.other_bytes == 0);
    auto journal = Journal::open(path, before.good_bytes);
    REQUIRE(journal);
    REQUIRE((*journal)->append(record));
    all.push_back(record);
  }
  CHECK(read_journal(path).value().records == all);
}

TEST_CASE("a journal written at once reads like one that grew", "[ioc][journal]") {
  const TemporaryFolder folder;
  write(folder / "grown", some_records());
  CHECK(folder.read("grown") == journal_of(some_records()));
}

TEST_CASE("a journal that is torn at any byte keeps every whole record and goes on behind it",
          "[ioc][journal]") {
  const TemporaryFolder folder;
  const std::vector<std::string> records = {"first", "second", "third"};
  const std::string whole = journal_of(records);
  const size_t head = journal_of({}).size();
  for (size_t size = head; size < whole.size(); ++size) {
    CAPTURE(size);
    folder.write("journal", whole.substr(0, size));
    const JournalContent content = read_journal(folder / "journal").value();
    REQUIRE(content.records.size() < records.size());
    REQUIRE(std::equal(content.records.begin(), content.records.end(), records.begin()));
    REQUIRE(content.good_bytes + content.other_bytes == size);
    REQUIRE_FALSE(content.is_damaged);
    auto journal = Journal::open(folder / "journal", content.good_bytes);
    REQUIRE(journal);
    REQUIRE((*journal)->append("more"));
    const JournalContent again = read_journal(folder / "journal").value();
    REQUIRE(again.records.size() == content.records.size() + 1);
    REQUIRE(again.records.back() == "more");
    REQUIRE(again.other_bytes == 0);
  }
}

TEST_CASE("a journal without its whole beginning is damaged, for it is put there whole", "[ioc][journal]") {
  const std::string whole = journal_of({"first"});
  for (size_t size = 0; size < journal_of({}).size(); ++size) {
    const JournalContent content = parse_journal(whole.substr(0, size));
    CHECK(content.is_damaged);
    CHECK(content.other_bytes == size);
  }
  CHECK_FALSE(parse_journal(journal_of({})).is_damaged);
}

TEST_CASE("zeros behind a journal, as a lost power leaves them, are a torn end", "[ioc][journal]") {
  const TemporaryFolder folder;
  folder.write("journal", journal_of({"first"}) + std::string(4096, '\0'));
  const JournalContent content = read_journal(folder / "journal").value();
  CHECK(content.records == std::vector<std::string>{"first"});
  CHECK(content.other_bytes == 4096);
  CHECK_FALSE(content.is_damaged);
}

TEST_CASE("a wrong bit anywhere is noticed, and told from a torn end when good records follow",
          "[ioc][journal]") {
  const TemporaryFolder folder;
  const std::string whole = journal_of({"first", "second"});
  const size_t head = journal_of({}).size();
  const size_t second = journal_of({"first"}).size();
  for (size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    folder.write("journal", flipped);
    const JournalContent content = read_journal(folder / "journal").value();
    REQUIRE(content.records.size() == (at < second ? 0U : 1U));
    REQUIRE(content.is_damaged == (at < second));
    REQUIRE((at < head || content.good_bytes == (at < second ? head : second)));
  }
}

}  // namespace cenote::journal_test
