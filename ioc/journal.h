// Records that outlive any crash once append() has returned: one after the other in one file, each with its
// size and checksum. What a crash tore off at the end was never acknowledged and is dropped.
//
// Threads: one at a time. Knows nothing of what records mean.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

struct JournalContent {
  std::vector<std::string> records;
  uint64_t good_bytes = 0;   // of the file, up to and with the last good record
  uint64_t other_bytes = 0;  // behind them
  bool is_damaged = false;   // no crash does that: the beginning is not there, or records follow behind them
};

JournalContent parse_journal(std::string_view file);
// An error only when the file cannot be read; no file is no record.
Result<JournalContent> read_journal(const std::string& path);

// The bytes of a journal of these records: to write one anew.
std::string journal_of(const std::vector<std::string>& records);

class Journal {
 public:
  // Cuts the file after `good_bytes` and makes it when it is absent.
  static Result<std::unique_ptr<Journal>> open(const std::string& path, uint64_t good_bytes);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // On the disk when it returns; after an error nothing of it is there.
  Result<void> append(std::string_view record);

 private:
  Journal(std::string path, int descriptor, uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

  std::string path_;
  int descriptor_;
  uint64_t size_;  // up to and with the last acknowledged record
};

}  // namespace cenote
