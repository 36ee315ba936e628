#include "ioc/audit_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "resolver/net/digest.h"

namespace cenote {
namespace {

using OrderedJson = nlohmann::ordered_json;

const std::string kBeginning(64, '0');  // what the first line has in place of a hash

std::string line_of(const AuditEntry& entry, uint64_t number, const std::string& previous) {
  const OrderedJson json{{"number", number},
                         {"time", to_rfc3339(entry.time)},
                         {"who", entry.who},
                         {"what", entry.what},
                         {"outcome", entry.outcome},
                         {"why", entry.why},
                         {"generation", entry.generation},
                         {"added", entry.added},
                         {"removed", entry.removed},
                         {"rejected", entry.rejected},
                         {"held", entry.held},
                         {"previous", previous}};
  return json.dump(-1, ' ', true, OrderedJson::error_handler_t::replace);
}

// Reads on from one line to the next and keeps what the next one must say.
struct Chain {
  uint64_t lines = 0;
  uint64_t generation = 0;
  std::string head = kBeginning;

  bool follow(const std::string& line) {
    const OrderedJson json = OrderedJson::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("number") || !json.contains("previous") ||
        json["number"] != lines + 1 || json["previous"] != head) {
      return false;
    }
    ++lines;
    if (const auto found = json.find("generation"); found != json.end() && found->is_number_unsigned()) {
      generation = std::max(generation, found->get<uint64_t>());
    }
    head = sha256_hex(line);
    return true;
  }
};

}  // namespace

AuditLog::~AuditLog() {
  if (file_ >= 0) {
    ::close(file_);
  }
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::string& path) {
  std::unique_ptr<AuditLog> log(new AuditLog);
  log->path_ = path;
  log->file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log->file_ < 0) {
    return fail("{}: {}", path, std::strerror(errno));
  }
  if (Result<void> resumed = log->resume(); !resumed) {
    return resumed.error();
  }
  return log;
}

// A line that does not fit is left where it is, for it is evidence; verify() names it. New ones go on from
// the last line as it stands.
Result<void> AuditLog::resume() {
  std::ifstream in(path_, std::ios::binary);
  Chain chain;
  uint64_t whole = 0;
  for (std::string line; std::getline(in, line) && !in.eof();) {
    whole += line.size() + 1;
    if (!chain.follow(line)) {
      ++chain.lines;
      chain.head = sha256_hex(line);
    }
  }
  const off_t size = ::lseek(file_, 0, SEEK_END);
  if (size > static_cast<off_t>(whole) && ::ftruncate(file_, static_cast<off_t>(whole)) != 0) {
    return fail("{}: {}", path_, std::strerror(errno));
  }
  lines_ = chain.lines;
  generation_ = chain.generation;
  head_ = chain.head;
  return {};
}

Result<void> AuditLog::append(const AuditEntry& entry) {
  const std::lock_guard lock(mutex_);
  const std::string line = line_of(entry, lines_ + 1, head_);
  const std::string bytes = line + '\n';
  const off_t before = ::lseek(file_, 0, SEEK_END);
  const ssize_t written = ::write(file_, bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size()) || ::fdatasync(file_) != 0) {
    const int error = errno;
    static_cast<void>(::ftruncate(file_, before));  // half a line would break the chain
    return fail("{}: {}", path_, std::strerror(error));
  }
  ++lines_;
  head_ = sha256_hex(line);
  generation_ = std::max(generation_, entry.generation);
  return {};
}

AuditLog::Page AuditLog::read(uint64_t after, size_t limit) const {
  const std::lock_guard lock(mutex_);
  Page page;
  page.last = lines_;
  page.head = head_;
  const uint64_t first = std::max(after, lines_ > limit ? lines_ - limit : 0);
  std::ifstream in(path_, std::ios::binary);
  uint64_t number = 0;
  for (std::string line; number < lines_ && std::getline(in, line);) {
    if (++number > first) {
      page.lines.push_back(std::move(line));
    }
  }
  return page;
}

Result<AuditLog::Verified> AuditLog::verify(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return fail("cannot read {}", path);
  }
  Chain chain;
  for (std::string line; std::getline(in, line);) {
    if (!chain.follow(line)) {
      return fail("{}: line {} does not follow from the line before it", path, chain.lines + 1);
    }
  }
  return Verified{chain.lines, chain.head};
}

}  // namespace cenote
