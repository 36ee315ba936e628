#include "ioc/audit_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "ioc/durable_file.h"
#include "ioc/sealed_text.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"
#include "resolver/net/digest.h"

namespace cenote {
namespace {

using OrderedJson = nlohmann::ordered_json;

const std::string kBeginning(64, '0');  // what the first line has in place of a hash
constexpr std::string_view kLineBegin = "{\"number\":";

// Some 10 MB of memory. A change needs the disk that the record does not fit on any more, so few ever wait.
constexpr size_t kMostWaiting = 20'000;

constexpr size_t kMostTail = 64 * 1024;  // no line is longer: names and reasons are bounded

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
  return seal_line(json.dump(-1, ' ', true, OrderedJson::error_handler_t::replace));
}

// What a write that did not come to its end leaves: the beginning of a line, and not all of it.
bool is_half_a_line(std::string_view tail) {
  const std::string_view begin = tail.substr(0, kLineBegin.size());
  return kLineBegin.starts_with(begin) &&
         !OrderedJson::parse(tail.substr(0, tail.size() - 1), nullptr, false).is_object();
}

// The generation of a line whose checksum, where it has one, is right; 0: of none.
uint64_t generation_of(const OrderedJson& json, const std::string& line) {
  constexpr uint64_t kMost = uint64_t{1} << 62;  // more is damage, and the next number must fit
  const auto found = json.find("generation");
  const bool is_number = found != json.end() && found->is_number_unsigned() && unseal_line(line);
  const uint64_t generation = is_number ? found->get<uint64_t>() : 0;
  return generation < kMost ? generation : 0;
}

// Reads on from one line to the next and keeps what the next one must say.
struct Chain {
  uint64_t lines = 0;
  uint64_t generation = 0;
  std::string head = kBeginning;

  bool follow(const std::string& line) { return follows_at_a_glance(line) || follow_closely(line); }

 private:
  // A line whose checksum is right is one of ours, and stands as line_of() wrote it: no need to take a JSON
  // apart for each line of a record of years, at a start that DNS waits for.
  bool follows_at_a_glance(const std::string& line) {
    constexpr std::string_view kGeneration =
        ",\"generation\":";  // no text holds it: quotes are escaped there
    const auto own = unseal_line(line);
    const size_t at = line.find(kGeneration);
    if (!own || own->size() == line.size() || at == std::string::npos ||
        !own->starts_with(fmt::format("{{\"number\":{},", lines + 1)) ||
        !own->ends_with(fmt::format(",\"previous\":\"{}\"}}", head))) {
      return false;
    }
    const size_t digits = at + kGeneration.size();
    const size_t end = line.find_first_not_of("0123456789", digits);
    generation =
        std::max(generation, parse_number(std::string_view(line).substr(digits, end - digits)).value_or(0));
    ++lines;
    head = sha256_hex(line);
    return true;
  }

  bool follow_closely(const std::string& line) {
    const OrderedJson json = OrderedJson::parse(line, nullptr, false);
    const bool fits = json.is_object() && json.contains("number") && json.contains("previous") &&
                      json["number"] == lines + 1 && json["previous"] == head && unseal_line(line);
    generation = json.is_object() ? std::max(generation, generation_of(json, line)) : generation;
    ++lines;
    head = sha256_hex(line);
    return fits;
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
  log->file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
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
    if (!chain.follow(line) && first_bad_ == 0) {
      first_bad_ = chain.lines;
    }
  }
  lines_ = chain.lines;
  generation_ = chain.generation;
  head_ = chain.head;
  size_ = whole;
  return cut_tail();
}

Result<void> AuditLog::cut_tail() {
  const off_t size = ::lseek(file_, 0, SEEK_END);
  if (size <= static_cast<off_t>(size_)) {
    return {};
  }
  std::string tail(std::min<size_t>(static_cast<size_t>(size) - size_, kMostTail), '\0');
  const ssize_t got = ::pread(file_, tail.data(), tail.size(), static_cast<off_t>(size_));
  tail.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  log::warn("{}: half a line behind line {} is cut off", path_, lines_);
  if (!is_half_a_line(tail)) {
    const std::string aside = path_ + std::string(kDamaged);
    std::error_code error;
    std::filesystem::copy_file(path_, aside, std::filesystem::copy_options::overwrite_existing, error);
    log::error("{}: damaged behind line {}: {}", path_, lines_,
               error ? "no copy can be made: " + error.message() : "a copy is left in " + aside);
    first_bad_ = first_bad_ == 0 ? lines_ + 1 : first_bad_;
  }
  return ::ftruncate(file_, static_cast<off_t>(size_)) == 0 ? Result<void>{}
                                                            : fail("{}: {}", path_, std::strerror(errno));
}

Result<void> AuditLog::append(const AuditEntry& entry) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) {
      return fail("{}: {} entries wait to be written; \"{}\" by {}, generation {}, is left out", path_,
                  waiting_.size(), entry.what, entry.who, entry.generation);
    }
    waiting_.push_back(entry);
  }
  return flush();
}

// The lock is not held while the disk works: readers must not wait for it.
Result<void> AuditLog::flush() {
  while (true) {
    AuditEntry entry;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        return {};
      }
      entry = waiting_.front();
    }
    if (Result<void> written = write_line(entry); !written) {
      return written;
    }
    const std::lock_guard lock(mutex_);
    waiting_.pop_front();
  }
}

size_t AuditLog::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

// Whole, or not at all: half a line would break the chain, and the next one would stick to it.
Result<void> AuditLog::write_line(const AuditEntry& entry) {
  const std::string line = line_of(entry, lines_ + 1, head_);
  Result<void> written = write_bytes(line + '\n');
  if (!written) {
    is_torn_ = ::ftruncate(file_, static_cast<off_t>(size_)) != 0;
    return written;
  }
  const std::lock_guard lock(mutex_);
  size_ += line.size() + 1;
  ++lines_;
  head_ = sha256_hex(line);
  generation_ = std::max(generation_, entry.generation);
  return {};
}

Result<void> AuditLog::write_bytes(std::string_view bytes) {
  if (is_torn_ && ::ftruncate(file_, static_cast<off_t>(size_)) != 0) {
    return fail("{}: {}", path_, std::strerror(errno));
  }
  is_torn_ = false;
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written =
        ::pwrite(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(size_ + done));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return fail("{}: {}", path_, std::strerror(written == 0 ? EIO : errno));
    }
    done += static_cast<size_t>(written);
  }
  return ::fdatasync(file_) == 0 ? Result<void>{} : fail("{}: {}", path_, std::strerror(errno));
}

std::vector<AuditEntry> AuditLog::after(uint64_t generation, size_t most) const {
  const std::lock_guard lock(mutex_);
  std::vector<AuditEntry> found;
  std::ifstream in(path_, std::ios::binary);
  for (std::string line; found.size() < most && std::getline(in, line);) {
    const OrderedJson json = OrderedJson::parse(line, nullptr, false);
    if (!json.is_object() || generation_of(json, line) <= generation) {
      continue;
    }
    try {
      AuditEntry entry;
      entry.who = json.at("who");
      entry.what = json.at("what");
      entry.outcome = json.at("outcome");
      entry.generation = generation_of(json, line);
      found.push_back(std::move(entry));
    } catch (const OrderedJson::exception&) {
      continue;
    }
  }
  return found;
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
      return fail("{}: line {} does not follow from the line before it, or was changed", path, chain.lines);
    }
  }
  return Verified{chain.lines, chain.head};
}

}  // namespace cenote
