// How the lines of the record of changes are written, and how each follows from the one before. For
// ioc/audit_*.cpp alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ioc/audit_log.h"

namespace cenote::audit {

std::string line_of(const AuditEntry& entry, uint64_t number, const std::string& previous);
// Who, what, outcome and generation alone; nullopt: the line is none of ours.
std::optional<AuditEntry> read_line(const std::string& line);
// All of it, of a line with a checksum that is right; nullopt: it is none.
std::optional<AuditEntry> read_sealed_line(const std::string& line);
// What a write that did not come to its end leaves: the beginning of a line, and not all of it.
bool is_half_a_line(std::string_view tail);
// The first line of each file but the very first.
AuditEntry first_of_a_file(const std::string& before, uint64_t generation);
bool is_first_of_a_file(const AuditEntry& entry);

// Reads on from one line to the next and keeps what the next one must say.
struct Chain {
  uint64_t lines = 0;
  uint64_t generation = 0;
  std::string head = std::string(64, '0');  // what the very first line has in place of a hash

  // False: the line was changed, or does not follow. It counts all the same.
  bool follow(const std::string& line);
  // Behind these lines, the last of a file; false: their last is none of ours.
  bool continue_from(const std::vector<std::string>& last);

 private:
  void take_up(const std::string& line);
  bool follows_at_a_glance(const std::string& line);
  bool follow_closely(const std::string& line);
};

// Each whole line of the file, from its beginning. Gives how many bytes they have.
Result<uint64_t> each_line(int file, const std::function<bool(const std::string&)>& take);  // false: enough
// So many of the last lines before `end`, which stands behind one; fewer when they have more than `most`
// bytes.
std::vector<std::string> last_lines(int file, uint64_t end, uint64_t wanted, uint64_t most);

// "audit.jsonl.3"; 0: where a rotation that came to no end left the newest of them.
std::string older_path(const std::string& path, unsigned age);
// The files of a record that are there, oldest first, and the record itself last.
std::vector<std::string> all_files(const std::string& path);

}  // namespace cenote::audit
