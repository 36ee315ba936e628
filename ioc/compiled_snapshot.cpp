#include "ioc/compiled_snapshot.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace cenote {

using namespace snapshot_layout;

Result<std::unique_ptr<const CompiledSnapshot>> CompiledSnapshot::open(const std::string& path) {
  auto image = Image::map_file(path);
  if (!image) {
    return image.error();
  }
  auto snapshot = from_image(std::move(*image));
  return snapshot ? std::move(snapshot)
                  : Result<std::unique_ptr<const CompiledSnapshot>>(snapshot.error().within(path));
}

Result<std::unique_ptr<const CompiledSnapshot>> CompiledSnapshot::from_image(
    std::unique_ptr<const Image> image) {
  auto names = NameIndex::open(*image);
  auto addresses = AddressIndex::open(*image);
  auto records = RecordTable::open(*image);
  if (!names || !addresses || !records) {
    return !names ? names.error() : !addresses ? addresses.error() : records.error();
  }
  std::unique_ptr<CompiledSnapshot> snapshot(new CompiledSnapshot);
  snapshot->image_ = std::move(image);
  snapshot->name_index_ = std::move(*names);
  snapshot->address_index_ = std::move(*addresses);
  snapshot->records_ = std::move(*records);
  if (Result<void> head = snapshot->read_head(); !head) {
    return head.error();
  }
  return std::unique_ptr<const CompiledSnapshot>(std::move(snapshot));
}

Result<void> CompiledSnapshot::read_head() {
  auto head = image_->items<Head>(kSnapshotSection);
  auto feeds = image_->items<FeedRow>(kFeedsSection);
  auto categories = image_->items<uint64_t>(kCategoriesSection);
  if (!head || head->size() != 1 || !feeds || !categories) {
    return fail("snapshot: damaged head");
  }
  generation_ = head->front().generation;
  name_entries_ = head->front().name_entries;
  for (const FeedRow& feed : *feeds) {
    feeds_.push_back({std::string(records_->text(feed.name)), feed.entries});
  }
  for (const uint64_t text : *categories) {
    categories_.emplace_back(records_->text(text));
  }
  // Readers index feeds and categories by what records say.
  if (!records_->fits(feeds_.size(), categories_.size())) {
    return fail("snapshot: damaged records");
  }
  return {};
}

Result<void> renumber_snapshot(const TemporaryFile& file, uint64_t generation) {
  const auto head = section_offset(file, kSnapshotSection);
  if (!head) {
    return head.error();
  }
  std::array<uint8_t, sizeof generation> bytes;
  std::memcpy(bytes.data(), &generation, sizeof generation);
  const Result<void> written = file.write_at(*head + offsetof(Head, generation), bytes);
  return written ? reseal_image(file) : written;
}

size_t CompiledSnapshot::find(const Name& name, std::span<Hit> out) const noexcept {
  std::array<NameIndex::Match, kMaxLabels + 1> matches;
  const size_t count = name_index_->find(name, matches);
  if (count == 0) {
    return 0;
  }
  const size_t labels = name.label_count();
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    const bool is_whole = matches[i].depth == labels;
    uint32_t single = 0;
    for (const uint32_t record : records_->listed(matches[i].posting, single)) {
      const Scope scope = records_->profile(record).scope;
      if (scope == (is_whole ? Scope::kBelow : Scope::kExact)) {
        continue;
      }
      if (found < out.size()) {
        out[found] = {matches[i].depth, scope, record};
      }
      ++found;
    }
  }
  return found;
}

bool CompiledSnapshot::has_entry_below(const Name& name) const noexcept {
  return name_index_->has_below(name);
}

size_t CompiledSnapshot::find(const IpAddress& address, std::span<Hit> out) const noexcept {
  std::array<AddressIndex::Match, AddressIndex::kMostMatches> matches;
  const size_t count = address_index_->find(address, matches);
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t single = 0;
    for (const uint32_t record : records_->listed(matches[i].value, single)) {
      if (found < out.size()) {
        out[found] = {matches[i].length, Scope::kSuffix, record};
      }
      ++found;
    }
  }
  return found;
}

}  // namespace cenote
