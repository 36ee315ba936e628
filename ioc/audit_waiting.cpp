#include "ioc/audit_waiting.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "ioc/audit_chain.h"
#include "ioc/audit_file.h"
#include "ioc/durable_file.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote::audit {
namespace {

constexpr uint64_t kMostBytes = uint64_t{64} << 20;  // 20,000 entries have some 10 MB

std::string text_of(const AuditEntry& entry) {
  return line_of(entry, 0, "");
}

}  // namespace

void Waiting::load() {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) {
    return;
  }
  const auto text = read_whole_file(path_, kMostBytes);
  size_t damaged = text ? 0U : 1U;
  size_t from = 0;
  for (size_t to = 0; text && (to = text->find('\n', from)) != std::string::npos; from = to + 1) {
    if (auto entry = read_sealed_line(text->substr(from, to - from))) {
      entries_.push_back({std::move(*entry), true});
    } else {
      ++damaged;
    }
  }
  has_file_ = true;
  is_out_of_order_ = text && from < text->size();  // half a line, which nobody was told of
  if (damaged != 0) {
    const auto aside = set_aside(path_, kDamaged);
    log::error("{}: what waited to be noted in the record of changes cannot be read{}: {}", path_,
               text ? fmt::format(", {}", counted(damaged, "line", "lines")) : ": " + text.error().message,
               aside ? "left in " + *aside : aside.error().message);
    has_file_ = false;
    std::for_each(entries_.begin(), entries_.end(), [](Entry& each) { each.is_kept = false; });
    in_memory_only_ = entries_.size();
  }
  loaded_ = entries_.size();
  count();
}

// They are written in order, and nothing else comes between: what is noted is the end of the record and the
// beginning of the file.
void Waiting::drop_noted(const std::vector<std::string>& last_lines) {
  std::vector<std::string> noted;
  for (const std::string& line : last_lines) {
    if (const auto entry = read_sealed_line(line); entry && !is_first_of_a_file(*entry)) {
      noted.push_back(text_of(*entry));
    }
  }
  std::vector<std::string> waiting;
  for (size_t i = 0; i < loaded_; ++i) {
    waiting.push_back(text_of(entries_[i].entry));
  }
  size_t same = std::min(noted.size(), waiting.size());
  while (same != 0 && !std::equal(noted.end() - static_cast<ptrdiff_t>(same), noted.end(), waiting.begin())) {
    --same;
  }
  for (loaded_ = 0; same != 0; --same) {
    pop_front();
  }
}

std::vector<AuditEntry> Waiting::after(uint64_t generation) const {
  std::vector<AuditEntry> later;
  for (const Entry& each : entries_) {
    if (each.entry.generation > generation) {
      later.push_back(each.entry);
    }
  }
  return later;
}

void Waiting::push_back(AuditEntry entry) {
  entries_.push_back({std::move(entry), false});
  ++in_memory_only_;
  count();
}

void Waiting::insert(AuditEntry entry) {
  const auto place = std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& each) {
                       return each.entry.generation <= entry.generation;
                     }).base();
  is_out_of_order_ |= place != entries_.end();
  entries_.insert(place, {std::move(entry), false});
  ++in_memory_only_;
  count();
}

void Waiting::pop_front() {
  in_memory_only_ -= entries_.front().is_kept ? 0U : 1U;
  entries_.pop_front();
  count();
}

Result<void> Waiting::keep() {
  if (entries_.empty()) {
    return has_file_ ? remove() : Result<void>();
  }
  if (in_memory_only_ == 0) {
    return {};
  }
  Result<void> kept = is_out_of_order_ ? rewrite() : append_new();
  is_out_of_order_ = !kept;  // there may be half a line
  if (kept) {
    has_file_ = true;
    in_memory_only_ = 0;
    std::for_each(entries_.begin(), entries_.end(), [](Entry& each) { each.is_kept = true; });
  }
  return kept;
}

Result<void> Waiting::append_new() {
  std::string text;
  for (const Entry& each : entries_) {
    text += each.is_kept ? "" : text_of(each.entry) + '\n';
  }
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const AuditLog::File file(::open(path_.c_str(), kFlags, 0640));
  if (!file.is_open()) {
    return fail("{}: {}", path_, std::strerror(errno));
  }
  if (!file.is_regular()) {
    return fail("{}: not a file", path_);
  }
  if (!write_all(file.number(), as_bytes(text)) || ::fdatasync(file.number()) != 0) {
    return fail("{}: {}", path_, std::strerror(errno));
  }
  return has_file_ ? Result<void>() : sync_folder_of(path_);
}

Result<void> Waiting::rewrite() {
  std::string text;
  for (const Entry& each : entries_) {
    text += text_of(each.entry) + '\n';
  }
  return replace_file(path_, as_bytes(text), Durability::kDurable);
}

// For good: a file that came back later would be noted twice.
Result<void> Waiting::remove() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
    return fail("{}: {}", path_, std::strerror(errno));
  }
  has_file_ = false;
  is_out_of_order_ = false;
  return sync_folder_of(path_);
}

}  // namespace cenote::audit
