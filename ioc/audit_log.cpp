#include "ioc/audit_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "ioc/audit_chain.h"
#include "ioc/audit_file.h"
#include "ioc/audit_waiting.h"
#include "ioc/durable_file.h"
#include "resolver/base/log.h"
#include "resolver/net/digest.h"

namespace cenote {
namespace {

// Some 10 MB of memory. A change needs the disk that the record does not fit on any more, so few ever wait.
constexpr size_t kMostWaiting = 20'000;

// Of those that are in memory alone, because the disk takes no file for them either: fewer than the store
// keeps generations, from which a start notes again what a stop had lost.
constexpr size_t kMostInMemoryOnly = 8;

constexpr size_t kMostTail = 64 * 1024;  // no line is longer: names and reasons are bounded

// Of the lines before a file: the last may be of a hold, and holds make no generation.
constexpr size_t kLinesLookedBack = 100;

// Before a file that cannot be followed by another is tried again.
constexpr uint64_t kMoreBytes = uint64_t{1} << 20;

Error error_of(const std::string& path) {
  return fail("{}: {}", path, std::strerror(errno));
}

}  // namespace

AuditLog::AuditLog(std::string path, uint64_t most_file_bytes)
    : path_(std::move(path)),
      most_file_bytes_(most_file_bytes),
      rotate_at_(most_file_bytes),
      waiting_(std::make_unique<audit::Waiting>(path_ + ".waiting")) {}

AuditLog::~AuditLog() = default;

std::unique_ptr<AuditLog> AuditLog::open(std::string path, uint64_t most_file_bytes) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(path), most_file_bytes));
  log->waiting_->load();
  static_cast<void>(log->reopen());
  return log;
}

bool AuditLog::reopen() {
  problem_ = open_file();
  return problem_.empty();
}

// A pipe, a folder or a device is no record, whoever put it there; an error says what stands in the way.
std::string AuditLog::make_way() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0 || S_ISREG(status.st_mode)) {
    return {};
  }
  const auto aside = set_aside(path_, kDamaged);
  if (!aside) {
    return fmt::format("{}: not a file; {}", path_, aside.error().message);
  }
  log::error("{}: not a file; it is left in {}", path_, *aside);
  return {};
}

// What may only be read is read, for what it knows; what may not be read either may be mended later.
std::string AuditLog::open_file() {
  static_cast<void>(age_files(0));  // a rotation that came to no end
  if (std::string in_the_way = make_way(); !in_the_way.empty()) {
    return in_the_way;
  }
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  auto file = std::make_shared<const File>(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | kFlags, 0640));
  std::string problem = file->is_open() ? "" : error_of(path_).message;
  if (!file->is_open()) {
    if (is_read_) {
      return problem;
    }
    file = std::make_shared<const File>(::open(path_.c_str(), O_RDONLY | kFlags));
  }
  if (!file->is_open()) {
    return problem;
  }
  if (!file->is_regular()) {
    return path_ + ": not a file";  // for a moment
  }
  const bool is_first = !is_read_;
  Result<void> done = resume(file);
  if (done && is_first && waiting_->loaded() != 0) {
    waiting_->drop_noted(read(0, waiting_->loaded() + kOlderFiles + 1).lines);
  }
  if (done && problem.empty() && file->size() == 0) {
    done = sync_folder_of(path_);  // it is new: its lines last only when its place does
  }
  if (done && problem.empty()) {
    done = cut_tail(file);
  }
  if (done && problem.empty() && size_ == 0 && lines_ != 0) {
    done = begin_file();
  }
  return done ? problem : done.error().message;
}

// A line that does not fit is left where it is, for it is evidence; verify() names it. New ones go on from
// the last line as it stands.
Result<void> AuditLog::resume(const std::shared_ptr<const File>& file) {
  audit::Chain chain;
  for (unsigned age = 0; age <= kOlderFiles; ++age) {  // the newest is not .1 where a rotation stopped midway
    const File before = File::of_reading(audit::older_path(path_, age));
    if (before.is_regular()) {
      static_cast<void>(chain.continue_from(
          audit::last_lines(before.number(), before.size(), kLinesLookedBack, kMostPageBytes)));
      break;
    }
  }
  uint64_t in_file = 0;
  uint64_t first_bad = 0;
  const auto whole = audit::each_line(file->number(), [&](const std::string& line) {
    ++in_file;
    if (!chain.follow(line) && first_bad == 0) {
      first_bad = chain.lines;
    }
    return true;
  });
  if (!whole) {
    return whole.error().within(path_);
  }
  const std::lock_guard lock(mutex_);
  file_ = file;
  is_read_ = true;
  lines_ = chain.lines;
  lines_before_ = chain.lines - in_file;
  generation_ = std::max(generation_, chain.generation);
  first_bad_ = first_bad;
  head_ = chain.head;
  size_ = *whole;
  torn_ = 0;
  return {};
}

Result<void> AuditLog::cut_tail(const std::shared_ptr<const File>& file) {
  if (file->size() <= size_) {
    return {};
  }
  std::string tail(std::min<size_t>(file->size() - size_, kMostTail), '\0');
  const ssize_t got = ::pread(file->number(), tail.data(), tail.size(), static_cast<off_t>(size_));
  tail.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  log::warn("{}: half a line behind line {} is cut off", path_, lines_);
  if (!tail.empty() && !audit::is_half_a_line(tail)) {
    const std::string aside = path_ + std::string(kDamaged);
    std::error_code error;
    std::filesystem::copy_file(path_, aside, std::filesystem::copy_options::overwrite_existing, error);
    log::error("{}: damaged behind line {}: {}", path_, lines_,
               error ? "no copy can be made: " + error.message() : "a copy is left in " + aside);
    first_bad_ = first_bad_ == 0 ? lines_ + 1 : first_bad_;
  }
  if (::ftruncate(file->number(), static_cast<off_t>(size_)) == 0) {
    return {};
  }
  // A file that takes nothing but what is appended (chattr +a): then it ends a line, which shows.
  log::error(
      "{}: what stands behind line {} cannot be cut off ({}); it stays, as a line that does not follow",
      path_, lines_, std::strerror(errno));
  constexpr uint8_t kEnd = '\n';
  return write_all(file->number(), Bytes(&kEnd, 1)) ? resume(file) : error_of(path_);
}

Result<void> AuditLog::append(const AuditEntry& entry) {
  waiting_->push_back(entry);
  return flush();
}

void AuditLog::put_in_order(const std::vector<AuditEntry>& all) {
  for (const AuditEntry& entry : all) {
    waiting_->insert(entry);
  }
}

// What still waits is on the disk elsewhere before anybody is told of its change.
Result<void> AuditLog::flush() {
  Result<void> written = write_waiting();
  if (Result<void> kept = waiting_->keep(); !kept) {
    written = written ? kept : fail("{}; {}", written.error().message, kept.error().message);
  }
  return written;
}

Result<void> AuditLog::write_waiting() {
  while (waiting_->size() != 0) {
    if (!problem_.empty()) {
      return fail("{}", problem_);
    }
    if (Result<void> written = write_line(waiting_->front()); !written) {
      return written;
    }
    waiting_->pop_front();
  }
  return {};
}

size_t AuditLog::waiting() const {
  return waiting_->size();
}

size_t AuditLog::in_memory_only() const {
  return waiting_->in_memory_only();
}

std::vector<AuditEntry> AuditLog::waiting_after(uint64_t generation) const {
  return waiting_->after(generation);
}

bool AuditLog::has_room() const {
  return waiting() < kMostWaiting && in_memory_only() < kMostInMemoryOnly;
}

Result<void> AuditLog::write_line(const AuditEntry& entry) {
  std::string line = audit::line_of(entry, lines_ + 1, head_);
  if (torn_ == 0 && size_ != 0 && size_ + line.size() + 1 > rotate_at_) {
    rotate();
    if (!problem_.empty()) {
      return fail("{}", problem_);
    }
    line = audit::line_of(entry, lines_ + 1, head_);
  }
  if (Result<void> written = write_rest(line + '\n'); !written) {
    return written;
  }
  const std::lock_guard lock(mutex_);
  size_ += line.size() + 1;
  ++lines_;
  head_ = sha256_hex(line);
  generation_ = std::max(generation_, entry.generation);
  return {};
}

// Whole, or not at all: half a line would break the chain, and the next one would stick to it. Where it
// cannot be cut off again, the same line goes on behind it the next time.
Result<void> AuditLog::write_rest(std::string_view line) {
  while (torn_ < line.size()) {
    const ssize_t written = ::write(file_->number(), line.data() + torn_, line.size() - torn_);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      errno = written == 0 ? EIO : errno;  // no error is said where nothing was written
      const Error error = error_of(path_);
      torn_ = ::ftruncate(file_->number(), static_cast<off_t>(size_)) == 0 ? 0 : torn_;
      return error;
    }
    torn_ += static_cast<size_t>(written);
  }
  if (::fdatasync(file_->number()) != 0) {
    const Error error = error_of(path_);
    torn_ = ::ftruncate(file_->number(), static_cast<off_t>(size_)) == 0 ? 0 : torn_;
    return error;
  }
  torn_ = 0;
  return {};
}

// So that the oldest file that is kept says itself where the record goes on.
Result<void> AuditLog::begin_file() {
  return write_line(audit::first_of_a_file(audit::older_path(path_, 1), generation_));
}

// The record goes on in a new file. Where that cannot be made way for, it goes on in this one.
void AuditLog::rotate() {
  rotate_at_ = size_ + kMoreBytes;
  {
    const std::lock_guard lock(mutex_);  // whoever reads finds all of them, or none
    const bool has_way = age_files(0) && age_files(1);
    if (!has_way || ::rename(path_.c_str(), audit::older_path(path_, 1).c_str()) != 0) {
      log::error("{}: is larger than {} bytes, and cannot be set aside for a new file{}; it goes on", path_,
                 most_file_bytes_, has_way ? fmt::format(": {}", std::strerror(errno)) : "");
      return;
    }
  }
  rotate_at_ = most_file_bytes_;
  static_cast<void>(reopen());
}

// Each older file from `first` on becomes older by one, up to the first place that is free; without any the
// oldest goes. False: one of them cannot be moved, and `first` is not free.
bool AuditLog::age_files(unsigned first) const {
  const auto is_there = [&](unsigned age) {
    struct stat status {};
    return ::lstat(audit::older_path(path_, age).c_str(), &status) == 0;
  };
  if (!is_there(first)) {
    return true;
  }
  unsigned to = first + 1;
  while (to < kOlderFiles && is_there(to)) {
    ++to;
  }
  if (is_there(to)) {
    log::info("{}: the oldest file of the record of changes is removed", audit::older_path(path_, to));
  }
  for (; to > first; --to) {
    const std::string from = audit::older_path(path_, to - 1);
    if (::rename(from.c_str(), audit::older_path(path_, to).c_str()) != 0) {
      log::error("the record of changes: {} cannot be renamed: {}", from, std::strerror(errno));
      return false;
    }
  }
  return true;
}

}  // namespace cenote
