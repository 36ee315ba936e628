// The record of every change: one JSON line each, appended and forced to the disk, never rewritten. Each line
// carries the SHA-256 of the line before it, so a line that was changed, taken out or put in later shows, and
// a checksum of itself, so that a last line that was changed shows, too. What the chain cannot show is a tail
// that was cut off: note head() elsewhere from time to time.
//
// A file that is full is followed by another, whose first line says so and goes on in the chain:
//
//   audit.jsonl                       the newest lines
//   audit.jsonl.1 ... audit.jsonl.7   those before, .1 the newest; the oldest goes when there are more
//
// What cannot be written waits, in order, in memory and in audit.jsonl.waiting (see audit_waiting.h), and is
// written as soon as it can be; so it does while the file cannot be opened at all.
//
// Threads: read() and waiting() any; all others one.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resolver/base/clock.h"
#include "resolver/base/result.h"

namespace cenote {

namespace audit {
class Waiting;
}

struct AuditEntry {
  WallTime time{};
  std::string who;
  std::string what;     // "push c2-intel", "release github.io of c2-intel"
  std::string outcome;  // "done", "held", "refused"
  std::string why;      // of a hold, a refusal, or as a person gave it
  uint64_t generation = 0;
  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t rejected = 0;
  uint64_t held = 0;
};

class AuditLog {
 public:
  // Some 140,000 changes; a start reads the newest file whole, in well under a second, before DNS answers.
  static constexpr uint64_t kMostFileBytes = uint64_t{64} << 20;
  // 512 MiB in all, a million changes; whoever must keep more copies the older files to where they belong.
  static constexpr unsigned kOlderFiles = 7;

  // Makes the file when there is none. What stands there and is no file is set aside. Half a line at the end,
  // which nobody was ever told of, is cut off; what is no beginning of a line is kept in a file beside it.
  // Never null: see problem().
  static std::unique_ptr<AuditLog> open(std::string path, uint64_t most_file_bytes = kMostFileBytes);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Why the file cannot be written, so that all waits until reopen() is true; empty: it can.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  bool reopen();
  // Its lines could be read, although they may not be added to. Until then the three below know nothing.
  [[nodiscard]] bool is_read() const noexcept { return is_read_; }
  [[nodiscard]] uint64_t last_generation() const noexcept { return generation_; }
  // The first line that open() found changed, or not to follow the one before; 0: none.
  [[nodiscard]] uint64_t first_bad_line() const noexcept { return first_bad_; }
  [[nodiscard]] bool is_empty() const noexcept { return lines_ == 0; }

  Result<void> append(const AuditEntry& entry);  // on the disk when it returns; after an error it waits
  // Among those that wait, each behind the last that is of no later generation.
  void put_in_order(const std::vector<AuditEntry>& all);
  Result<void> flush();  // writes what waits
  [[nodiscard]] size_t waiting() const;
  // Of these not in the file for them either: a stop before they are written loses them.
  [[nodiscard]] size_t in_memory_only() const;
  // What waits of later generations.
  [[nodiscard]] std::vector<AuditEntry> waiting_after(uint64_t generation) const;
  // Whether another may wait: else whoever makes changes must not make one. append() itself drops nothing.
  [[nodiscard]] bool has_room() const;
  // What is on record of changes of later generations, oldest first, `most` of them.
  [[nodiscard]] std::vector<AuditEntry> after(uint64_t generation, size_t most) const;

  static constexpr uint64_t kMostPageBytes = 8U << 20;
  struct Page {
    std::vector<std::string> lines;  // JSON objects, oldest first
    uint64_t last = 0;               // the newest line's number
    std::string head;                // its SHA-256
  };
  // The newest `limit` lines whose number is greater than `after`, and of them the newest kMostPageBytes,
  // also of older files. Read from the end: what is older costs nothing. Does not wait for the disk of
  // append().
  [[nodiscard]] Page read(uint64_t after, size_t limit) const;

  // Follows the chain from the beginning of the oldest file; gives the number of lines, or names the first
  // that does not fit.
  struct Verified {
    uint64_t lines = 0;
    std::string head;
  };
  static Result<Verified> verify(const std::string& path);

  class File;  // for ioc/audit_*.cpp alone

 private:
  AuditLog(std::string path, uint64_t most_file_bytes);
  std::string open_file();
  std::string make_way() const;
  Result<void> resume(const std::shared_ptr<const File>& file);
  Result<void> write_waiting();
  Result<void> cut_tail(const std::shared_ptr<const File>& file);
  Result<void> begin_file();
  Result<void> write_line(const AuditEntry& entry);
  Result<void> write_rest(std::string_view line);
  void rotate();
  [[nodiscard]] bool age_files(unsigned first) const;

  const std::string path_;
  const uint64_t most_file_bytes_;
  uint64_t rotate_at_;
  std::string problem_;
  bool is_read_ = false;
  mutable std::mutex mutex_;
  std::shared_ptr<const File> file_;
  const std::unique_ptr<audit::Waiting> waiting_;
  uint64_t size_ = 0;          // up to and with the last whole line
  size_t torn_ = 0;            // bytes of the next line that stand behind it
  uint64_t lines_ = 0;         // of the whole record
  uint64_t lines_before_ = 0;  // of these not in this file
  uint64_t generation_ = 0;
  uint64_t first_bad_ = 0;
  std::string head_;
};

}  // namespace cenote
