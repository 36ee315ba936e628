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

// So many of the last lines before `end`, which stands behind one; fewer when they do not fit in a page.
std::vector<std::string> last_lines(int file, uint64_t end, uint64_t wanted) {
  uint64_t piece_size = 64U << 10;  // doubled each time, so that moving what is there costs little
  std::string text;
  uint64_t begin = end;
  uint64_t ends = 0;  // of lines, that are in `text`
  // One end more than lines: the one before the first.
  while (begin > 0 && ends <= wanted && text.size() < AuditLog::kMostPageBytes) {
    std::string piece(std::min({piece_size, begin, AuditLog::kMostPageBytes - text.size()}), '\0');
    begin -= piece.size();
    if (::pread(file, piece.data(), piece.size(), static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(piece.size())) {
      return {};  // somebody cut the file off
    }
    ends += static_cast<uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
    text.insert(0, piece);
    piece_size *= 2;
  }
  std::vector<std::string> lines;
  size_t from = begin == 0 ? 0 : text.find('\n') + 1;  // what comes before is the rest of an older line
  for (size_t to = text.find('\n', from); to != std::string::npos; to = text.find('\n', from)) {
    lines.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  if (lines.size() > wanted) {
    lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(wanted));
  }
  return lines;
}

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
  size_ = whole;
  head_ = chain.head;
  return {};
}

Result<void> AuditLog::append(const AuditEntry& entry) {
  const std::string line = line_of(entry, lines_ + 1, head_);
  const std::string bytes = line + '\n';
  const off_t before = ::lseek(file_, 0, SEEK_END);
  const ssize_t written = ::write(file_, bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size()) || ::fdatasync(file_) != 0) {
    const int error = errno;
    static_cast<void>(::ftruncate(file_, before));  // half a line would break the chain
    return fail("{}: {}", path_, std::strerror(error));
  }
  const std::lock_guard lock(mutex_);
  ++lines_;
  size_ += bytes.size();
  head_ = sha256_hex(line);
  generation_ = std::max(generation_, entry.generation);
  return {};
}

AuditLog::Page AuditLog::read(uint64_t after, size_t limit) const {
  Page page;
  uint64_t end = 0;
  {
    const std::lock_guard lock(mutex_);
    page.last = lines_;
    page.head = head_;
    end = size_;
  }
  const uint64_t first = std::max(after, page.last > limit ? page.last - limit : 0);
  const uint64_t wanted = page.last - std::min(first, page.last);
  page.lines = last_lines(file_, end, wanted);
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
