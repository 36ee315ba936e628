// What waits to be written to the record of changes: in memory, in order, and in a file beside the record, so
// that neither a stop nor a crash leaves a change out of it. For ioc/audit_*.cpp alone.
//
//   audit.jsonl.waiting   a line each, as the record has them, without a number and the hash of the one
//   before
//
// The first lines of the file may be on record already, when a process ended between the two: drop_noted().
//
// Threads: size() any; all others one.
#pragma once

#include <atomic>
#include <deque>
#include <string>
#include <vector>

#include "ioc/audit_log.h"

namespace cenote::audit {

class Waiting {
 public:
  explicit Waiting(std::string path) : path_(std::move(path)) {}

  // What an earlier process left. What cannot be read is set aside.
  void load();
  [[nodiscard]] size_t loaded() const noexcept { return loaded_; }
  // Takes out of what load() found what these last lines of the record say already.
  void drop_noted(const std::vector<std::string>& last_lines);

  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] size_t in_memory_only() const noexcept { return in_memory_only_; }
  [[nodiscard]] const AuditEntry& front() const { return entries_.front().entry; }
  [[nodiscard]] std::vector<AuditEntry> after(uint64_t generation) const;
  void push_back(AuditEntry entry);
  void insert(AuditEntry entry);  // behind the last that is of no later generation
  void pop_front();

  // Brings the file up to date, and onto the disk; removes it when nothing waits.
  Result<void> keep();

 private:
  struct Entry {
    AuditEntry entry;
    bool is_kept = false;  // in the file
  };
  Result<void> append_new();
  Result<void> rewrite();
  Result<void> remove();
  void count() noexcept { size_ = entries_.size(); }

  const std::string path_;
  std::deque<Entry> entries_;
  std::atomic<size_t> size_{0};
  size_t loaded_ = 0;
  size_t in_memory_only_ = 0;
  bool has_file_ = false;
  bool is_out_of_order_ = false;  // the file: to be written anew
};

}  // namespace cenote::audit
