#include "ioc/image.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

namespace cenote {
namespace {

static_assert(std::endian::native == std::endian::little, "images are written in the machine's byte order");

constexpr std::array<char, 8> kMagic = {'c', 'e', 'n',  'o',
                                        't', 'e', '\r', '\n'};  // CR LF shows text-mode copies
constexpr uint32_t kVersion = 3;
constexpr size_t kAlignment = 64;  // a cache line
constexpr size_t kMaxSections = 64;
constexpr size_t kPieceBytes = 256 * 1024;

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t section_count;
  uint64_t size;      // of the whole image
  uint64_t checksum;  // XXH3 of everything behind this field
};
struct TableRow {
  uint32_t id;
  uint32_t reserved;
  uint64_t offset;
  uint64_t size;
};
static_assert(sizeof(Header) == 32 && sizeof(TableRow) == 24);

uint64_t checksum_of(Bytes image) noexcept {
  return XXH3_64bits(image.data() + sizeof(Header), image.size() - sizeof(Header));
}

size_t aligned(size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

template <typename T>
T load(Bytes bytes, size_t offset) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace

Image::~Image() {
  if (memory_ != nullptr) {
    ::munmap(memory_, bytes_.size());
  }
}

Result<std::unique_ptr<const Image>> Image::map_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // it may be a pipe
  if (descriptor < 0) {
    return fail("{}: {}", path, std::strerror(errno));
  }
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const size_t size = known ? static_cast<size_t>(status.st_size) : 0;
  void* memory = MAP_FAILED;
  if (size >= sizeof(Header)) {
    memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  }
  ::close(descriptor);
  if (size < sizeof(Header)) {
    return fail("{}: {} bytes are no snapshot", path, size);
  }
  if (memory == MAP_FAILED) {
    return fail("{}: cannot be mapped: {}", path, std::strerror(errno));
  }
  std::unique_ptr<Image> image(new Image);
  image->memory_ = memory;
  image->bytes_ = {static_cast<const uint8_t*>(memory), size};
  if (Result<void> verified = image->verify(); !verified) {
    return verified.error().within(path);
  }
  return std::unique_ptr<const Image>(std::move(image));
}

Result<std::unique_ptr<const Image>> Image::from_bytes(Bytes bytes) {
  if (bytes.size() < sizeof(Header)) {
    return fail("{} bytes are no snapshot", bytes.size());
  }
  void* memory = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return fail("no memory for {} bytes", bytes.size());
  }
  std::memcpy(memory, bytes.data(), bytes.size());
  std::unique_ptr<Image> image(new Image);
  image->memory_ = memory;
  image->bytes_ = {static_cast<const uint8_t*>(memory), bytes.size()};
  if (Result<void> verified = image->verify(); !verified) {
    return verified.error();
  }
  return std::unique_ptr<const Image>(std::move(image));
}

Result<void> Image::verify() const {
  const auto header = load<Header>(bytes_, 0);
  if (header.magic != kMagic) {
    return fail("this is no snapshot file");
  }
  if (header.version != kVersion) {
    return fail("snapshot version {}, this program reads {}", header.version, kVersion);
  }
  if (header.size != bytes_.size()) {
    return fail("cut short: {} of {} bytes", bytes_.size(), header.size);
  }
  if (header.checksum != checksum_of(bytes_)) {
    return fail("damaged: the checksum does not match");
  }
  const uint64_t table_end = sizeof(Header) + uint64_t{header.section_count} * sizeof(TableRow);
  if (header.section_count > kMaxSections || table_end > bytes_.size()) {
    return fail("damaged: {} sections", header.section_count);
  }
  for (size_t i = 0; i < header.section_count; ++i) {
    const auto row = load<TableRow>(bytes_, sizeof(Header) + i * sizeof(TableRow));
    if (row.offset % kAlignment != 0 || row.offset < table_end || row.offset > bytes_.size() ||
        row.size > bytes_.size() - row.offset) {
      return fail("damaged: section {} lies outside", row.id);
    }
  }
  return {};
}

bool Image::has_section(uint32_t id) const noexcept {
  const auto header = load<Header>(bytes_, 0);
  for (size_t i = 0; i < header.section_count; ++i) {
    if (load<TableRow>(bytes_, sizeof(Header) + i * sizeof(TableRow)).id == id) {
      return true;
    }
  }
  return false;
}

Bytes Image::section(uint32_t id) const noexcept {
  const auto header = load<Header>(bytes_, 0);
  for (size_t i = 0; i < header.section_count; ++i) {
    const auto row = load<TableRow>(bytes_, sizeof(Header) + i * sizeof(TableRow));
    if (row.id == id) {
      return bytes_.subspan(row.offset, row.size);
    }
  }
  return {};
}

void ImageWriter::end_section() {
  if (sections_.empty()) {
    // Room for a full table, so that sections are written where they will stay.
    bytes_.resize(aligned(sizeof(Header) + kMaxSections * sizeof(TableRow)));
    return;
  }
  const uint64_t size = written_bytes_ + bytes_.size();
  sections_.back().size = size - sections_.back().offset;
  bytes_.resize(bytes_.size() + aligned(size) - size);
}

void ImageWriter::begin(uint32_t id) {
  end_section();
  sections_.push_back({id, written_bytes_ + bytes_.size(), 0});
}

void ImageWriter::append(Bytes bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  if (file_ != nullptr && bytes_.size() >= kPieceBytes) {
    write_out();
  }
}

void ImageWriter::write_out() {
  if (written_) {
    written_ = file_->append(bytes_);
  }
  written_bytes_ += bytes_.size();
  bytes_.clear();
}

Result<std::vector<uint8_t>> ImageWriter::finish() && {
  end_section();
  const uint64_t size = written_bytes_ + bytes_.size();
  std::vector<uint8_t> front(sizeof(Header) + sections_.size() * sizeof(TableRow));
  const Header header{kMagic, kVersion, static_cast<uint32_t>(sections_.size()), size, 0};
  std::memcpy(front.data(), &header, sizeof header);
  for (size_t i = 0; i < sections_.size(); ++i) {
    const TableRow row{sections_[i].id, 0, sections_[i].offset, sections_[i].size};
    std::memcpy(front.data() + sizeof(Header) + i * sizeof(TableRow), &row, sizeof row);
  }
  if (file_ == nullptr) {
    std::copy(front.begin(), front.end(), bytes_.begin());
    reseal_image(bytes_);
    return std::move(bytes_);
  }
  write_out();
  if (written_) {
    written_ = file_->write_at(0, front);
  }
  if (written_) {
    written_ = reseal_image(*file_);
  }
  return written_ ? Result<std::vector<uint8_t>>(std::vector<uint8_t>{}) : written_.error();
}

Result<void> reseal_image(const TemporaryFile& file) {
  std::vector<uint8_t> piece(kPieceBytes);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              &XXH3_freeState);
  XXH3_64bits_reset(state.get());
  for (uint64_t at = sizeof(Header);;) {
    const auto got = file.read_at(at, piece);
    if (!got) {
      return got.error();
    }
    if (*got == 0) {
      break;
    }
    XXH3_64bits_update(state.get(), piece.data(), *got);
    at += *got;
  }
  const uint64_t checksum = XXH3_64bits_digest(state.get());
  std::array<uint8_t, sizeof checksum> bytes;
  std::memcpy(bytes.data(), &checksum, sizeof checksum);
  return file.write_at(offsetof(Header, checksum), bytes);
}

Result<uint64_t> section_offset(const TemporaryFile& file, uint32_t id) {
  std::vector<uint8_t> front(sizeof(Header) + kMaxSections * sizeof(TableRow));
  const auto got = file.read_at(0, front);
  if (!got) {
    return got.error();
  }
  const size_t rows = (*got - std::min(*got, sizeof(Header))) / sizeof(TableRow);
  const size_t count =
      std::min<size_t>(rows, *got < sizeof(Header) ? 0 : load<Header>(front, 0).section_count);
  for (size_t i = 0; i < count; ++i) {
    const auto row = load<TableRow>(front, sizeof(Header) + i * sizeof(TableRow));
    if (row.id == id) {
      return row.offset;
    }
  }
  return fail("{}: has no section {}", file.path(), id);
}

uint64_t image_checksum(Bytes bytes) noexcept {
  return bytes.size() < sizeof(Header) ? 0 : load<Header>(bytes, 0).checksum;
}

uint64_t image_checksum(const TemporaryFile& file) noexcept {
  std::array<uint8_t, sizeof(Header)> header{};
  const auto got = file.read_at(0, header);
  return got && *got == header.size() ? image_checksum(header) : 0;
}

void reseal_image(MutableBytes bytes) noexcept {
  if (bytes.size() >= sizeof(Header)) {
    const uint64_t checksum = checksum_of(bytes);
    std::memcpy(bytes.data() + offsetof(Header, checksum), &checksum, sizeof checksum);
  }
}

}  // namespace cenote
