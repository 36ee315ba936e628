// What is read of the record of changes, over all its files.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ioc/audit_chain.h"
#include "ioc/audit_file.h"
#include "ioc/audit_log.h"

namespace cenote {

std::vector<AuditEntry> AuditLog::after(uint64_t generation, size_t most) const {
  const std::vector<std::string> files = audit::all_files(path_);
  size_t first = files.size();
  bool is_before = false;  // a file that begins with a generation before has all that comes after
  while (first > 0 && !is_before) {
    const File file = File::of_reading(files[--first]);
    static_cast<void>(audit::each_line(file.number(), [&](const std::string& line) {
      const auto entry = audit::read_line(line);
      is_before = entry && entry->generation <= generation;
      return false;
    }));
  }
  std::vector<AuditEntry> found;
  for (size_t i = first; i < files.size() && found.size() < most; ++i) {
    const File file = File::of_reading(files[i]);
    static_cast<void>(audit::each_line(file.number(), [&](const std::string& line) {
      auto entry = audit::read_line(line);
      if (entry && entry->generation > generation && !audit::is_first_of_a_file(*entry)) {
        found.push_back(std::move(*entry));
      }
      return found.size() < most;
    }));
  }
  return found;
}

AuditLog::Page AuditLog::read(uint64_t after, size_t limit) const {
  Page page;
  uint64_t end = 0;
  uint64_t wanted = 0;
  std::shared_ptr<const File> file;
  std::vector<File> older;
  {
    const std::lock_guard lock(mutex_);
    page.last = lines_;
    page.head = head_;
    end = size_;
    file = file_;
    wanted = page.last - std::min(std::max(after, page.last > limit ? page.last - limit : 0), page.last);
    if (wanted > lines_ - lines_before_) {  // opened now: no rotation comes between
      for (unsigned age = 0; age <= kOlderFiles; ++age) {
        older.push_back(File::of_reading(audit::older_path(path_, age)));
      }
    }
  }
  if (file == nullptr) {
    return page;
  }
  page.lines = audit::last_lines(file->number(), end, wanted, kMostPageBytes);
  uint64_t bytes = 0;
  const auto count = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      bytes += line.size() + 1;
    }
    return bytes;
  };
  bool is_whole = count(page.lines) >= end;
  for (auto each = older.begin(); each != older.end() && is_whole && page.lines.size() < wanted; ++each) {
    if (!each->is_regular()) {
      continue;
    }
    auto lines = audit::last_lines(each->number(), each->size(), wanted - page.lines.size(),
                                   kMostPageBytes - std::min(bytes, kMostPageBytes));
    const uint64_t before = bytes;
    is_whole = count(lines) - before >= each->size();
    page.lines.insert(page.lines.begin(), std::make_move_iterator(lines.begin()),
                      std::make_move_iterator(lines.end()));
  }
  return page;
}

Result<AuditLog::Verified> AuditLog::verify(const std::string& path) {
  audit::Chain chain;
  uint64_t lines = 0;
  for (const std::string& each : audit::all_files(path)) {
    const File file = File::of_reading(each);
    if (!file.is_open()) {
      return fail("cannot read {}: {}", each, std::strerror(errno));
    }
    bool fits = true;
    const auto read = audit::each_line(file.number(), [&](const std::string& line) {
      ++lines;
      return fits = chain.follow(line);
    });
    if (!read) {
      return read.error().within("cannot read " + each);
    }
    if (!fits) {
      return fail("{}: line {} does not follow from the line before it, or was changed", each, chain.lines);
    }
    if (*read < file.size()) {
      ++lines;
      return fail("{}: ends with half a line behind line {}", each, chain.lines);
    }
  }
  return Verified{lines, chain.head};
}

}  // namespace cenote
