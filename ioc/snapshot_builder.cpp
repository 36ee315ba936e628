#include "ioc/snapshot_builder.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <tuple>

namespace cenote {
namespace {

constexpr uint32_t kUnknown = std::numeric_limits<uint32_t>::max();
constexpr size_t kMaxCategories = 256;  // CategoryId

struct Merge;

// What two entries of one feed and name have in common when they are the same entry.
struct EntryOf {
  uint32_t part;
  Scope scope;
  bool allow;
  auto operator<=>(const EntryOf&) const = default;
};

// What is said about one name or block, gathered from all sources.
struct Gathered {
  std::vector<uint32_t> records;
  std::vector<EntryOf> before;  // of feeds that are being replaced
  std::vector<EntryOf> now;
  std::vector<Scope> scopes;  // of all

  void clear() {
    records.clear();
    before.clear();
    now.clear();
    scopes.clear();
  }
};

// Where entries come from in key order: the base, or a run.
class Source {
 public:
  virtual ~Source() = default;
  virtual bool next_name() = 0;
  [[nodiscard]] virtual Bytes key() const = 0;
  virtual void gather_name(Gathered& out) = 0;
  virtual void gather_blocks(std::map<std::pair<bool, std::pair<AddressIndex::Number, uint8_t>>,
                                      std::pair<Prefix, Gathered>>& out) = 0;
};
using Blocks =
    std::map<std::pair<bool, std::pair<AddressIndex::Number, uint8_t>>, std::pair<Prefix, Gathered>>;

Gathered& block_of(Blocks& blocks, const Prefix& prefix) {
  auto& [kept, gathered] = blocks[{prefix.address.is_v4(), {number_of(prefix.address), prefix.length}}];
  kept = prefix;
  return gathered;
}

// The categories of all sources under common numbers.
class Categories {
 public:
  explicit Categories(TextPool& texts) : texts_(texts) {}
  uint8_t number(std::string_view category) {
    const uint32_t text = texts_.intern(category);
    const auto found = std::find(texts_of_.begin(), texts_of_.end(), text);
    if (found == texts_of_.end() && texts_of_.size() == kMaxCategories) {
      return kMaxCategories - 1;  // a feed that invents hundreds of categories has them all as one
    }
    const auto number = static_cast<uint8_t>(found - texts_of_.begin());
    if (found == texts_of_.end()) {
      texts_of_.push_back(text);
    }
    return number;
  }
  [[nodiscard]] const std::vector<uint64_t>& texts() const { return texts_of_; }

 private:
  TextPool& texts_;
  std::vector<uint64_t> texts_of_;
};

class RunSource final : public Source {
 public:
  RunSource(const FeedRun& run, uint32_t part, RecordTableBuilder& table, Categories& categories)
      : run_(run),
        part_(part),
        table_(table),
        categories_(categories),
        known_(run.records().size(), kUnknown) {}

  bool next_name() override { return ++at_ < run_.size(); }
  [[nodiscard]] Bytes key() const override { return run_.key(at_); }

  void gather_name(Gathered& out) override {
    const Bytes key = run_.key(at_);
    gather(run_.record_of(at_), out);
    while (at_ + 1 < run_.size() && std::ranges::equal(run_.key(at_ + 1), key)) {
      gather(run_.record_of(++at_), out);
    }
  }
  void gather_blocks(Blocks& blocks) override {
    for (const FeedRun::Block& block : run_.blocks()) {
      gather(block.record, block_of(blocks, block.prefix));
    }
  }

 private:
  void gather(uint32_t record, Gathered& out) {
    const RunRecord& own = run_.records()[record];
    out.records.push_back(number_of_record(record));
    out.now.push_back({part_, own.scope, own.action == Action::kAllow});
    out.scopes.push_back(own.scope);
  }

  uint32_t number_of_record(uint32_t record) {
    if (known_[record] == kUnknown) {
      const RunRecord& own = run_.records()[record];
      const auto text = [&](uint32_t id) -> uint64_t { return table_.texts.intern(run_.texts().at(id)); };
      RecordProfile profile;
      profile.feed = static_cast<FeedId>(part_);
      profile.category = categories_.number(run_.texts().at(own.category));
      profile.action = own.action;
      profile.confidence = own.confidence;
      profile.scope = own.scope;
      RecordRow row;
      row.columns = {table_.intern(profile),
                     static_cast<uint64_t>(own.first_seen),
                     static_cast<uint64_t>(own.valid_from),
                     static_cast<uint64_t>(own.valid_until),
                     text(own.threat),
                     text(own.reference),
                     text(own.note),
                     text(own.source_ref)};
      known_[record] = table_.add(row);
    }
    return known_[record];
  }

  const FeedRun& run_;
  uint32_t part_;
  RecordTableBuilder& table_;
  Categories& categories_;
  std::vector<uint32_t> known_;  // the run's record -> the table's
  size_t at_ = std::numeric_limits<size_t>::max();
};

class BaseSource final : public Source {
 public:
  BaseSource(const CompiledSnapshot& base, std::span<const FeedPart> parts, RecordTableBuilder& table,
             Categories& categories)
      : base_(base),
        table_(table),
        categories_(categories),
        cursor_(base.name_index()),
        known_(base.record_table().size(), kUnknown),
        parts_of_(base.feeds().size(), kUnknown) {
    for (size_t feed = 0; feed < parts_of_.size(); ++feed) {
      for (size_t part = 0; part < parts.size(); ++part) {
        if (parts[part].name == base.feeds()[feed].name) {
          parts_of_[feed] = static_cast<uint32_t>(part);
        }
      }
    }
    for (const FeedPart& part : parts) {
      is_replaced_.push_back(part.run != nullptr);
    }
  }

  bool next_name() override { return cursor_.next(); }
  [[nodiscard]] Bytes key() const override { return cursor_.key(); }
  void gather_name(Gathered& out) override {
    uint32_t single = 0;
    gather(base_.record_table().listed(cursor_.posting(), single), out);
  }
  void gather_blocks(Blocks& blocks) override {
    for (size_t i = 0; i < base_.address_index().size(); ++i) {
      const auto [prefix, value] = base_.address_index().at(i);
      uint32_t single = 0;
      gather(base_.record_table().listed(value, single), block_of(blocks, prefix));
    }
  }

 private:
  void gather(Items<uint32_t> records, Gathered& out) {
    for (const uint32_t record : records) {
      if (record >= known_.size()) {
        continue;  // only in a damaged image
      }
      const RecordProfile profile = base_.record_table().profile(record);
      const uint32_t part = parts_of_[profile.feed];
      if (part == kUnknown) {
        continue;
      }
      if (is_replaced_[part]) {
        out.before.push_back({part, profile.scope, profile.action == Action::kAllow});
        continue;
      }
      out.records.push_back(number_of_record(record, part));
      out.scopes.push_back(profile.scope);
    }
  }

  uint32_t number_of_record(uint32_t record, uint32_t part) {
    if (known_[record] == kUnknown) {
      const RecordTable& old = base_.record_table();
      RecordProfile profile = old.profile(record);
      profile.feed = static_cast<FeedId>(part);
      profile.category = categories_.number(base_.categories()[profile.category]);
      RecordRow row = old.row(record);
      row.columns[RecordRow::kProfile] = table_.intern(profile);
      for (const auto column :
           {RecordRow::kThreat, RecordRow::kReference, RecordRow::kNote, RecordRow::kSourceRef}) {
        row.columns[column] = table_.texts.intern(old.text(row.columns[column]));
      }
      known_[record] = table_.add(row);
    }
    return known_[record];
  }

  const CompiledSnapshot& base_;
  RecordTableBuilder& table_;
  Categories& categories_;
  NameCursor cursor_;
  std::vector<uint32_t> known_;     // the base's record -> the table's
  std::vector<uint32_t> parts_of_;  // the base's feed -> part
  std::vector<bool> is_replaced_;
};

// The sources by their next key: the smallest on top.
struct LaterKey {
  bool operator()(const Source* a, const Source* b) const {
    const Bytes x = a->key();
    const Bytes y = b->key();
    return std::lexicographical_compare(y.begin(), y.end(), x.begin(), x.end());
  }
};

class Builder {
 public:
  Builder(const CompiledSnapshot* base, std::span<const FeedPart> parts, uint64_t hash_seed)
      : parts_(parts),
        categories_(table_.texts),
        names_(hash_seed),
        differences_(parts.size()),
        entries_(parts.size()) {
    if (base != nullptr) {
      sources_.push_back(std::make_unique<BaseSource>(*base, parts, table_, categories_));
    }
    for (uint32_t part = 0; part < parts.size(); ++part) {
      if (parts[part].run != nullptr) {
        sources_.push_back(std::make_unique<RunSource>(*parts[part].run, part, table_, categories_));
      }
    }
  }

  BuiltSnapshot build(uint64_t generation) {
    merge_names();
    merge_blocks();
    ImageWriter out;
    write_head(generation, out);
    const RecordTableBuilder::Numbers numbers = table_.finish(out);
    for (size_t i = 0; i < numbers.names.size(); ++i) {
      names_.set_posting(i, numbers.names[i]);
    }
    names_.finish(out);
    AddressIndexBuilder addresses;
    for (size_t i = 0; i < numbers.addresses.size(); ++i) {
      addresses.add(prefixes_[i], numbers.addresses[i]);
    }
    addresses.finish(out);
    return {std::move(out).finish(), std::move(differences_), name_entries_, prefixes_.size()};
  }

 private:
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
    while (!heap.empty()) {
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
        name_entries_ += distinct_scopes(gathered.scopes);
        table_.list_name(gathered.records);
        names_.add(key, Posting::shared(0));
      }
    }
  }

  void merge_blocks() {
    Blocks blocks;
    for (const auto& source : sources_) {
      source->gather_blocks(blocks);
    }
    for (auto& [order, block] : blocks) {
      auto& [prefix, gathered] = block;
      count(gathered);
      if (!gathered.records.empty()) {
        table_.list_address(gathered.records);
        prefixes_.push_back(prefix);
      }
    }
  }

  static uint64_t distinct_scopes(std::vector<Scope>& scopes) {
    std::sort(scopes.begin(), scopes.end());
    return static_cast<uint64_t>(std::unique(scopes.begin(), scopes.end()) - scopes.begin());
  }

  // What this name or block adds to each feed's count and difference.
  void count(const Gathered& gathered) {
    for (const uint32_t record : gathered.records) {
      ++entries_[table_.profile(record).feed];
    }
    for (const EntryOf& entry : gathered.now) {
      const bool was =
          std::find(gathered.before.begin(), gathered.before.end(), entry) != gathered.before.end();
      ++(was ? differences_[entry.part].unchanged : differences_[entry.part].added);
    }
    for (const EntryOf& entry : gathered.before) {
      const bool stays = std::find(gathered.now.begin(), gathered.now.end(), entry) != gathered.now.end();
      differences_[entry.part].removed += stays ? 0 : 1;
    }
  }

  void write_head(uint64_t generation, ImageWriter& out) {
    using namespace snapshot_layout;
    const Head head{generation, name_entries_};
    out.add_items<Head>(kSnapshotSection, std::span<const Head>(&head, 1));
    std::vector<FeedRow> feeds;
    for (size_t part = 0; part < parts_.size(); ++part) {
      feeds.push_back({table_.texts.intern(parts_[part].name), entries_[part]});
    }
    out.add_items<FeedRow>(kFeedsSection, feeds);
    out.add_items<uint64_t>(kCategoriesSection, categories_.texts());
  }

  std::span<const FeedPart> parts_;
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

BuiltSnapshot build_snapshot(const CompiledSnapshot* base, std::span<const FeedPart> parts,
                             uint64_t generation, uint64_t hash_seed) {
  return Builder(base, parts, hash_seed).build(generation);
}

}  // namespace cenote
