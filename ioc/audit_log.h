// The record of every change: one JSON line each, appended and forced to the disk, never rewritten. Each line
// carries the SHA-256 of the line before it, so a line that was changed, taken out or put in later shows, and
// a checksum of itself, so that a last line that was changed shows, too. What the chain cannot show is a tail
// that was cut off: note head() elsewhere from time to time.
//
// What cannot be written waits in memory, in order, and is written as soon as it can be.
//
// Threads: append(), flush() and after() one; read() and waiting() any.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resolver/base/clock.h"
#include "resolver/base/result.h"

namespace cenote {

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
  // Makes the file when there is none. Half a line at the end, which nobody was ever told of, is cut off;
  // what stands there and is no beginning of a line is kept in a file beside it.
  static Result<std::unique_ptr<AuditLog>> open(const std::string& path);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  Result<void> append(const AuditEntry& entry);  // on the disk when it returns; after an error it waits
  Result<void> flush();                          // writes what waits
  [[nodiscard]] size_t waiting() const;
  [[nodiscard]] uint64_t last_generation() const noexcept { return generation_; }
  // The first line that open() found changed, or not to follow the one before; 0: none.
  [[nodiscard]] uint64_t first_bad_line() const noexcept { return first_bad_; }
  [[nodiscard]] bool is_empty() const noexcept { return lines_ == 0; }
  // What is on record of later generations, oldest first, `most` of them.
  [[nodiscard]] std::vector<AuditEntry> after(uint64_t generation, size_t most) const;

  static constexpr uint64_t kMostPageBytes = 8U << 20;
  struct Page {
    std::vector<std::string> lines;  // JSON objects, oldest first
    uint64_t last = 0;               // the newest line's number
    std::string head;                // its SHA-256
  };
  // The newest `limit` lines whose number is greater than `after`, and of them the newest kMostPageBytes.
  // Read from the file's end: what is older costs nothing. Does not wait for the disk of append().
  [[nodiscard]] Page read(uint64_t after, size_t limit) const;

  // Follows the chain from the beginning; gives the number of lines, or names the first that does not fit.
  struct Verified {
    uint64_t lines = 0;
    std::string head;
  };
  static Result<Verified> verify(const std::string& path);

 private:
  AuditLog() = default;
  Result<void> resume();
  Result<void> cut_tail();
  Result<void> write_line(const AuditEntry& entry);
  Result<void> write_bytes(std::string_view bytes);

  std::string path_;
  int file_ = -1;
  mutable std::mutex mutex_;
  std::deque<AuditEntry> waiting_;
  uint64_t size_ = 0;     // up to and with the last whole line
  bool is_torn_ = false;  // half a line stands behind it
  uint64_t lines_ = 0;
  uint64_t generation_ = 0;
  uint64_t first_bad_ = 0;
  std::string head_;
};

}  // namespace cenote
