// What a start reads of the state folder. What is missing or damaged is said and counted, the newest state
// that can be read is taken, and what belongs to a state that cannot be read is set aside, never deleted.
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "ioc/durable_file.h"
#include "ioc/journal.h"
#include "ioc/small_change.h"
#include "ioc/state_json.h"
#include "ioc/store.h"
#include "ioc/store_files.h"
#include "ioc/store_json.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

namespace fs = std::filesystem;
using namespace store_files;

// The number in "journal-7", and in "journal-7.lost"; 0: it is none of these.
uint64_t number_in(std::string_view name, std::string_view begin) {
  if (!name.starts_with(begin)) {
    return 0;
  }
  name.remove_prefix(begin.size());
  const uint64_t number = parse_number(name.substr(0, name.find('.'))).value_or(0);
  return number < kMostStateNumber ? number : 0;
}

std::string name_of(const fs::directory_entry& entry) {
  return entry.path().filename().string();
}

}  // namespace

struct Store::ManifestFile {
  bool exists = false;
  std::optional<Manifest> good;
  std::string error{};
};

Store::ManifestFile Store::look_at(const std::string& path) {
  std::error_code error;
  ManifestFile file{fs::exists(fs::symlink_status(path, error)), {}, {}};
  auto text = read_whole_file(path, kMostManifestBytes);
  auto manifest = text ? read_manifest(*text) : Result<Manifest>(text.error());
  if (manifest) {
    file.good = std::move(*manifest);
  } else {
    file.error = text ? manifest.error().within(path).message : manifest.error().message;
  }
  return file;
}

void Store::lose(std::string what) {
  log::error("state_dir: {}", what);
  losses_.push_back(std::move(what));
}

Result<void> Store::load() {
  const std::string path = manifest(folder_);
  ManifestFile newest = look_at(path);
  ManifestFile before = look_at(previous_manifest(folder_));
  // Rights are a mistake of the installation, and no loss: whoever mends them has everything back.
  for (const std::string& each : {path, previous_manifest(folder_)}) {
    if (::access(each.c_str(), F_OK) == 0 && ::access(each.c_str(), R_OK) != 0 && errno == EACCES) {
      return fail("{}: {}", each, std::strerror(EACCES));
    }
  }
  manifest_is_good_ = newest.good.has_value();
  const bool has_journal = newest.good   ? newest.good->has_journal
                           : before.good ? before.good->has_journal
                                         : false;
  take_manifest(std::move(newest), std::move(before));
  current_ = generations_.back();
  if (manifest_is_good_) {
    remove_other_journals();
  }
  load_journal(has_journal);
  if (!manifest_is_good_ && !losses_.empty()) {
    set_aside_unnamed();
  }
  highest_ = losses_.empty() ? current_.number : std::max(current_.number, highest_on_disk());
  if (const size_t count = count_set_aside(); count != 0) {
    log::warn(
        "state_dir: {} set aside (*.damaged, *.lost): look at them, and remove them when nobody needs them",
        counted(count, "file is", "files are"));
  }
  return {};
}

void Store::take_manifest(ManifestFile newest, ManifestFile before) {
  const auto put_away = [](const std::string& path) {
    const auto aside = set_aside(path, kDamaged);
    return aside ? fmt::format("left in {}", *aside) : aside.error().message;
  };
  if (newest.good) {
    generations_ = std::move(newest.good->generations);
    previous_base_ = before.good ? before.good->generations.back().number : 0;
    if (before.exists && !before.good) {
      log::warn("{}; the next list writes it anew", before.error);
    }
    return;
  }
  if (newest.exists) {
    lose(fmt::format("{}; {}", newest.error, put_away(manifest(folder_))));
  }
  if (before.good) {
    generations_ = std::move(before.good->generations);
    lose(fmt::format(
        "manifest.json cannot be read: generation {}, of the manifest before it, is used, with what "
        "its journal has; what came later is not in force: push it again",
        base_number()));
    return;
  }
  if (before.exists) {
    lose(fmt::format("{}; {}", before.error, put_away(previous_manifest(folder_))));
  }
  has_lost_all_ = newest.exists || before.exists || has_traces();
  if (has_lost_all_) {
    lose(
        "there is no manifest that can be read, but what others had named is there: everything that was "
        "pushed, "
        "single indicators and exceptions are not in force: push them again");
  }
}

// Whether the folder was used before. A process that died in its very first commit left the files of
// generation 1, and nobody was told of that.
bool Store::has_traces() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = name_of(entry);
    if (number_in(name, kSnapshot) > 1 || number_in(name, kJournal) > 1) {
      return true;
    }
    const auto journal =
        number_in(name, kJournal) == 1 ? read_journal(entry.path().string()) : JournalContent{};
    if (journal && !journal->records.empty()) {
      return true;
    }
  }
  return false;
}

uint64_t Store::highest_on_disk() const {
  uint64_t highest = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = name_of(entry);
    const uint64_t number = std::max(number_in(name, kSnapshot), number_in(name, kJournal));
    highest = std::max(highest, number);
    const auto journal =
        number_in(name, kJournal) != 0 ? read_journal(entry.path().string()) : JournalContent{};
    if (!journal) {
      continue;
    }
    for (const std::string& record : journal->records) {
      const auto change = read_small_change(record);
      highest = std::max(highest, change ? change->number : 0);
    }
  }
  return highest;
}

// Every record continues the one before: what does not is of no use, and nothing behind it either.
void Store::load_journal(bool is_expected) {
  const std::string path = journal_path(base_number());
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) {
    if (is_expected) {
      lose(fmt::format("{} is missing: the small changes after generation {} are lost: make them again", path,
                       base_number()));
    }
    return;
  }
  auto content = read_journal(path);
  if (!content) {
    const auto aside = set_aside(path, kDamaged);
    lose(fmt::format("{}: the small changes after generation {} are lost: make them again; {}",
                     content.error().message, base_number(),
                     aside ? "left in " + *aside : aside.error().message));
    return;
  }
  for (const std::string& record : content->records) {
    auto change = read_small_change(record);
    if (!change || change->number <= current_.number) {
      content->is_damaged = true;
      content->good_bytes = journal_of(write_small_changes(changes_)).size();
      break;
    }
    apply(*change, current_);
    changes_.push_back(std::move(*change));
  }
  journal_bytes_ = content->good_bytes;
  if (content->is_damaged) {
    keep_copy_of_journal();
    lose(fmt::format(
        "{}: damaged; generation {} is the last that can be read, and the small changes after it are "
        "lost: make them again; a copy is left in {}{}",
        path, current_.number, path, kDamaged));
  } else if (content->other_bytes != 0) {
    log::warn("{}: {} bytes of a change that was never acknowledged are dropped", path, content->other_bytes);
  }
}

void Store::keep_copy_of_journal() {
  const std::string path = journal_path(base_number());
  std::error_code error;
  fs::copy_file(path, path + std::string(kDamaged), fs::copy_options::overwrite_existing, error);
  if (error && fs::exists(path)) {
    log::error("{}: no copy can be made: {}", path, error.message());
  }
}

void Store::expect(uint64_t generation) {
  if (generation >= kMostStateNumber || generation <= current_.number ||
      (!losses_.empty() && generation <= highest_)) {
    return;
  }
  if (losses_.empty()) {
    if (current_.number == 0) {
      has_lost_all_ = true;
      set_aside_unnamed();
    } else {
      keep_copy_of_journal();
    }
    lose(fmt::format(
        "generation {} is the last that can be read, but generation {} was acknowledged: what came "
        "between is lost: make it again",
        current_.number, generation));
  }
  highest_ = std::max({highest_, generation, highest_on_disk()});
}

// Journals of folds that did not come to their end.
void Store::remove_other_journals() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = name_of(entry);
    if (number_in(name, kJournal) != 0 && !is_set_aside(name) &&
        entry.path() != journal_path(base_number()) && entry.path() != journal_path(previous_base_)) {
      fs::remove(entry.path(), error);
    }
  }
}

// What a manifest that cannot be read named, or may have: its changes must never be taken for those of
// another generation, and its contents are all that is left of it.
void Store::set_aside_unnamed() {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = name_of(entry);
    if (number_in(name, kJournal) != 0 && !is_set_aside(name) &&
        entry.path() != journal_path(base_number())) {
      paths.push_back(entry.path().string());
    }
  }
  const std::set<std::string> used = used_contents();
  for (const auto& entry : fs::directory_iterator(contents(folder_), error)) {
    if (!used.contains(name_of(entry)) && !is_set_aside(name_of(entry))) {
      paths.push_back(entry.path().string());
    }
  }
  for (const std::string& path : paths) {
    const auto aside = cenote::set_aside(path, kLost);
    if (!aside) {
      log::error("{}", aside.error().message);
    } else {
      log::error("{}: belongs to a generation that cannot be read: left in {}", path, *aside);
    }
  }
}

size_t Store::count_set_aside() const {
  size_t count = 0;
  for (const std::string& folder : {folder_, contents(folder_), folder_ + "/held"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      count += is_set_aside(name_of(entry)) ? 1U : 0U;
    }
  }
  return count;
}

}  // namespace cenote
