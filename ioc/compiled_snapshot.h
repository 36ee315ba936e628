// A snapshot in the form in which it lives on disk and in memory alike: one image that is mapped and read in
// place.
//
// Threads: immutable; any number of readers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ioc/address_index.h"
#include "ioc/image.h"
#include "ioc/name_index.h"
#include "ioc/record_table.h"
#include "ioc/snapshot.h"
#include "resolver/base/result.h"

namespace cenote {

class CompiledSnapshot final : public Snapshot {
 public:
  static Result<std::unique_ptr<const CompiledSnapshot>> open(const std::string& path);
  static Result<std::unique_ptr<const CompiledSnapshot>> from_image(std::unique_ptr<const Image> image);

  [[nodiscard]] uint64_t generation() const noexcept override { return generation_; }
  size_t find(const Name& name, std::span<Hit> out) const noexcept override;
  [[nodiscard]] bool has_entry_below(const Name& name) const noexcept override;
  size_t find(const IpAddress& address, std::span<Hit> out) const noexcept override;
  [[nodiscard]] Record record(uint32_t id) const noexcept override { return records_->record(id); }
  [[nodiscard]] const std::vector<SnapshotFeed>& feeds() const noexcept override { return feeds_; }
  [[nodiscard]] const std::vector<std::string>& categories() const noexcept override { return categories_; }
  [[nodiscard]] uint64_t names() const noexcept override { return name_entries_; }
  [[nodiscard]] uint64_t addresses() const noexcept override { return address_index_->size(); }
  [[nodiscard]] uint64_t bytes() const noexcept override { return image_->bytes().size(); }

  // Tells it from every other one, also of the same generation.
  [[nodiscard]] uint64_t checksum() const noexcept { return image_checksum(image_->bytes()); }
  // The whole of it, for a copy.
  [[nodiscard]] Bytes image() const noexcept { return image_->bytes(); }

  // The parts, for merging, measuring and tests.
  [[nodiscard]] const NameIndex& name_index() const noexcept { return *name_index_; }
  [[nodiscard]] const AddressIndex& address_index() const noexcept { return *address_index_; }
  [[nodiscard]] const RecordTable& record_table() const noexcept { return *records_; }

 private:
  CompiledSnapshot() = default;
  Result<void> read_head();

  std::unique_ptr<const Image> image_;
  std::unique_ptr<const NameIndex> name_index_;
  std::unique_ptr<const AddressIndex> address_index_;
  std::unique_ptr<const RecordTable> records_;
  std::vector<SnapshotFeed> feeds_;
  std::vector<std::string> categories_;
  uint64_t generation_ = 0;
  uint64_t name_entries_ = 0;
};

// Makes the image in a file that of another generation.
Result<void> renumber_snapshot(const TemporaryFile& file, uint64_t generation);

// What the image says about itself, as in the file.
namespace snapshot_layout {
enum Section : uint32_t { kSnapshotSection = 1, kFeedsSection, kCategoriesSection };
struct Head {
  uint64_t generation;
  uint64_t name_entries;
};
struct FeedRow {
  uint64_t name;  // a text
  uint64_t entries;
};
}  // namespace snapshot_layout

}  // namespace cenote
