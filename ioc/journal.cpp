#include "ioc/journal.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include "ioc/durable_file.h"

namespace cenote {
namespace {

constexpr uint64_t kMostJournalBytes = uint64_t{1} << 30;
constexpr std::string_view kJournalMagic = "cenote journal 1\n";

struct RecordHead {
  uint64_t size;
  uint64_t checksum;  // of the size and the record, and of where it stands
};

uint64_t checksum_of(std::string_view record, uint64_t at) noexcept {
  return XXH3_64bits_withSeed(record.data(), record.size(), at ^ (record.size() << 32));
}

// The record at `at`; nullopt when there is no good one.
std::optional<std::string_view> record_at(std::string_view file, uint64_t at) noexcept {
  RecordHead head{};
  if (at > file.size() || file.size() - at < sizeof head) {
    return std::nullopt;
  }
  std::memcpy(&head, file.data() + at, sizeof head);
  if (head.size == 0 || head.size > file.size() - at - sizeof head) {
    return std::nullopt;
  }
  const std::string_view record = file.substr(at + sizeof head, head.size);
  return checksum_of(record, at) == head.checksum ? std::optional(record) : std::nullopt;
}

void add_record(std::string& out, std::string_view record, uint64_t at) {
  const RecordHead head{record.size(), checksum_of(record, at)};
  out.append(reinterpret_cast<const char*>(&head), sizeof head);
  out += record;
}

}  // namespace

JournalContent parse_journal(std::string_view file) {
  JournalContent content;
  if (!file.starts_with(
          kJournalMagic)) {  // it is put there whole: a shorter one was cut, an empty one emptied
    content.other_bytes = file.size();
    content.is_damaged = true;
    return content;
  }
  uint64_t at = kJournalMagic.size();
  while (const auto record = record_at(file, at)) {
    content.records.emplace_back(*record);
    at += sizeof(RecordHead) + record->size();
  }
  content.good_bytes = at;
  content.other_bytes = file.size() - at;
  // A record knows where it stands, so a good one further on is no chance.
  for (uint64_t later = at + 1; later < file.size() && !content.is_damaged; ++later) {
    content.is_damaged = record_at(file, later).has_value();
  }
  return content;
}

Result<JournalContent> read_journal(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    return JournalContent{};
  }
  auto file = read_whole_file(path, kMostJournalBytes);
  if (!file) {
    return file.error();
  }
  return parse_journal(*file);
}

std::string journal_of(const std::vector<std::string>& records) {
  std::string file(kJournalMagic);
  for (const std::string& record : records) {
    add_record(file, record, file.size());
  }
  return file;
}

Result<std::unique_ptr<Journal>> Journal::open(const std::string& path, uint64_t good_bytes) {
  if (good_bytes < kJournalMagic.size()) {
    if (Result<void> made = replace_file(path, as_bytes(kJournalMagic), Durability::kDurable); !made) {
      return made.error();
    }
    good_bytes = kJournalMagic.size();
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  std::unique_ptr<Journal> journal(new Journal(path, descriptor, good_bytes));
  if (descriptor < 0 || ::ftruncate(descriptor, static_cast<off_t>(good_bytes)) != 0) {
    return fail("{}: {}", path, std::strerror(errno));
  }
  return journal;
}

Journal::~Journal() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

Result<void> Journal::append(std::string_view record) {
  std::string bytes;
  bytes.reserve(sizeof(RecordHead) + record.size());
  add_record(bytes, record, size_);
  if (size_ + bytes.size() > kMostJournalBytes) {
    return fail("{}: would be larger than the next start reads; push the whole list", path_);
  }
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(size_ + done));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      errno = written == 0 ? EIO : errno;  // no error is said where nothing was written
      const Error error = fail("{}: {}", path_, std::strerror(errno));
      static_cast<void>(::ftruncate(descriptor_, static_cast<off_t>(size_)));
      return error;
    }
    done += static_cast<size_t>(written);
  }
  if (::fdatasync(descriptor_) != 0) {
    const Error error = fail("{}: {}", path_, std::strerror(errno));
    static_cast<void>(::ftruncate(descriptor_, static_cast<off_t>(size_)));
    return error;
  }
  size_ += bytes.size();
  return {};
}

}  // namespace cenote
