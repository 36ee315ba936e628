#include "ioc/snapshot_builder.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "ioc/snapshot_sources.h"

namespace cenote {
namespace {

// The sources by their next key: the smallest on top.
struct LaterKey {
  bool operator()(const Source* a, const Source* b) const { return is_key_before(b->key(), a->key()); }
};

class Builder {
 public:
  Builder(const CompiledSnapshot* base, const Overlay* overlay, std::span<const FeedPart> parts,
          const BuildOptions& options)
      : parts_(parts),
        options_(options),
        categories_(table_.texts),
        names_(options.hash_seed, options.folder),
        differences_(parts.size()),
        entries_(parts.size()) {
    if (base != nullptr) {
      sources_.push_back(make_layers_source(*base, overlay, parts, table_, categories_));
    }
    for (uint32_t part = 0; part < parts.size(); ++part) {
      if (parts[part].run != nullptr) {
        sources_.push_back(make_run_source(*parts[part].run, part, table_, categories_));
      }
    }
  }

  Result<BuiltSnapshot> build() {
    merge_names();
    if (is_stopped()) {
      return fail("stopping");
    }
    merge_blocks();
    for (size_t part = 0; part < parts_.size(); ++part) {
      if (parts_[part].run == nullptr) {
        differences_[part] = {};  // it is as it was
      }
    }
    BuiltSnapshot built{{}, nullptr, std::move(differences_), name_entries_, prefixes_.size()};
    if (options_.folder.empty()) {
      auto image = write(ImageWriter());
      built.image = std::move(image).value();
      return built;
    }
    auto file = TemporaryFile::create(options_.folder);
    if (!file) {
      return file.error();
    }
    built.file = std::make_shared<TemporaryFile>(std::move(*file));
    const auto written = write(ImageWriter(*built.file));
    return written ? Result<BuiltSnapshot>(std::move(built)) : written.error();
  }

 private:
  [[nodiscard]] bool is_stopped() const {
    return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
  }

  Result<std::vector<uint8_t>> write(ImageWriter out) {
    write_head(out);
    const std::vector<uint32_t> values = table_.finish(out);
    names_.finish(out, [this](uint32_t ref) { return table_.posting_of(ref); });
    AddressIndexBuilder addresses;
    for (size_t i = 0; i < values.size(); ++i) {
      addresses.add(prefixes_[i], values[i]);
    }
    addresses.finish(out);
    const bool are_whole = std::all_of(parts_.begin(), parts_.end(), [](const FeedPart& part) {
      return part.run == nullptr || part.run->is_whole();
    });
    if (!are_whole || !names_.is_whole()) {
      return fail("{}: what was put aside while the lists were compiled cannot be read", options_.folder);
    }
    return std::move(out).finish();
  }

  void merge_names() {
    std::vector<Source*> heap;
    for (const auto& source : sources_) {
      if (source->next_name()) {
        heap.push_back(source.get());
      }
    }
    std::make_heap(heap.begin(), heap.end(), LaterKey{});
    Gathered gathered;
    std::vector<uint8_t> key;
    while (!heap.empty() && !is_stopped()) {
      const Bytes smallest = heap.front()->key();
      key.assign(smallest.begin(), smallest.end());
      gathered.clear();
      while (!heap.empty() && std::ranges::equal(heap.front()->key(), key)) {
        std::pop_heap(heap.begin(), heap.end(), LaterKey{});
        heap.back()->gather_name(gathered);
        if (heap.back()->next_name()) {
          std::push_heap(heap.begin(), heap.end(), LaterKey{});
        } else {
          heap.pop_back();
        }
      }
      count(gathered);
      if (!gathered.records.empty()) {
        name_entries_ += distinct_scopes(gathered.records);
        names_.add(key, table_.list_name(gathered.records));
      }
    }
  }

  void merge_blocks() {
    Blocks blocks;
    for (const auto& source : sources_) {
      source->gather_blocks(blocks);
    }
    for (auto& [prefix, gathered] : blocks) {
      count(gathered);
      if (!gathered.records.empty()) {
        table_.list_address(gathered.records);
        prefixes_.push_back(prefix);
      }
    }
  }

  [[nodiscard]] uint64_t distinct_scopes(const std::vector<uint32_t>& records) const {
    unsigned seen = 0;
    for (const uint32_t record : records) {
      seen |= 1U << static_cast<unsigned>(table_.profile(record).scope);
    }
    return static_cast<uint64_t>(std::popcount(seen));
  }

  [[nodiscard]] EntryOf entry_of(uint32_t record) const {
    const RecordProfile& profile = table_.profile(record);
    const bool is_allow = profile.action == Action::kAllow;
    return {profile.feed, profile.scope, is_allow, is_allow ? table_.bound_to(record) : 0};
  }

  // What this name or block adds to each feed's count and difference.
  void count(Gathered& gathered) {
    now_.clear();
    for (const uint32_t record : gathered.records) {
      now_.push_back(entry_of(record));
    }
    count_differences(gathered.before, now_, differences_);
    for (const EntryOf& entry : now_) {
      ++entries_[entry.part];
    }
  }

  void write_head(ImageWriter& out) {
    using namespace snapshot_layout;
    const Head head{options_.generation, name_entries_};
    out.add_items<Head>(kSnapshotSection, std::span<const Head>(&head, 1));
    std::vector<FeedRow> feeds;
    for (size_t part = 0; part < parts_.size(); ++part) {
      feeds.push_back({table_.texts.intern(parts_[part].name), entries_[part]});
    }
    out.add_items<FeedRow>(kFeedsSection, feeds);
    out.add_items<uint64_t>(kCategoriesSection, categories_.texts());
  }

  std::span<const FeedPart> parts_;
  const BuildOptions& options_;
  std::vector<EntryOf> now_;
  RecordTableBuilder table_;
  Categories categories_;
  NameIndexBuilder names_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<FeedDifference> differences_;
  std::vector<uint64_t> entries_;
  std::vector<Prefix> prefixes_;
  uint64_t name_entries_ = 0;
};

}  // namespace

Result<BuiltSnapshot> build_snapshot(const CompiledSnapshot* base, const Overlay* overlay,
                                     std::span<const FeedPart> parts, const BuildOptions& options) {
  return Builder(base, overlay, parts, options).build();
}

}  // namespace cenote
