// A compiled snapshot as bytes: named sections behind a small header, position-independent, little-endian,
// with one checksum over everything. Written once, then only read, mostly through mmap. Knows nothing of what
// sections mean.
//
// Threads: an Image is immutable. Sections borrow from it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "ioc/temporary_file.h"
#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

// A section's items as they stand in the image. Sections begin on cache lines, so any item is aligned.
template <typename T>
using Items = std::span<const T>;

class Image {
 public:
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  // Refuses what is not an image of this version, what was cut short and what does not match its checksum.
  static Result<std::unique_ptr<const Image>> map_file(const std::string& path);
  static Result<std::unique_ptr<const Image>> from_bytes(Bytes bytes);  // a copy

  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool has_section(uint32_t id) const noexcept;
  [[nodiscard]] Bytes section(uint32_t id) const noexcept;  // empty when there is none

  // Empty when the section is absent; an error when its size is not a whole number of items.
  template <typename T>
  [[nodiscard]] Result<Items<T>> items(uint32_t id) const {
    static_assert(std::is_trivially_copyable_v<T>);
    const Bytes raw = section(id);
    if (raw.size() % sizeof(T) != 0) {
      return fail("section {} holds {} bytes, no whole number of items", id, raw.size());
    }
    return Items<T>(reinterpret_cast<const T*>(raw.data()), raw.size() / sizeof(T));
  }

 private:
  friend class ImageWriter;
  Image() = default;
  Result<void> verify() const;

  Bytes bytes_;
  void* memory_ = nullptr;  // mapped, file or anonymous
};

class ImageWriter {
 public:
  ImageWriter() = default;                                     // in memory
  explicit ImageWriter(TemporaryFile& file) : file_(&file) {}  // empty; outlives the writer

  // A section is what is appended until the next one begins.
  void begin(uint32_t id);
  void append(Bytes bytes);
  void add(uint32_t id, Bytes bytes) {
    begin(id);
    append(bytes);
  }
  template <typename T>
  void add_items(uint32_t id, std::span<const T> items) {
    static_assert(std::is_trivially_copyable_v<T>);
    add(id, Bytes(reinterpret_cast<const uint8_t*>(items.data()), items.size_bytes()));
  }

  // Puts header, table and checksum in front. The writer is spent. The bytes, unless there is a file.
  Result<std::vector<uint8_t>> finish() &&;

 private:
  struct Section {
    uint32_t id;
    uint64_t offset;
    uint64_t size;
  };
  void end_section();
  void write_out();

  TemporaryFile* file_ = nullptr;
  Result<void> written_;
  uint64_t written_bytes_ = 0;
  std::vector<Section> sections_;
  std::vector<uint8_t> bytes_;  // behind those
};

// Makes the checksum of altered bytes true again.
void reseal_image(MutableBytes bytes) noexcept;
Result<void> reseal_image(const TemporaryFile& file);
// The checksum that an image carries: tells two images apart. 0: these bytes are none.
uint64_t image_checksum(Bytes bytes) noexcept;
uint64_t image_checksum(const TemporaryFile& file) noexcept;
// Where a section stands in the file of an image.
Result<uint64_t> section_offset(const TemporaryFile& file, uint32_t id);

}  // namespace cenote
