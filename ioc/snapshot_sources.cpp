#include "ioc/snapshot_sources.h"

#include <algorithm>
#include <limits>

namespace cenote {
namespace {

constexpr uint32_t kUnknown = std::numeric_limits<uint32_t>::max();

class RunSource final : public Source {
 public:
  RunSource(const FeedRun& run, uint32_t part, RecordTableBuilder& table, Categories& categories)
      : run_(run),
        part_(part),
        table_(table),
        categories_(categories),
        known_(run.records().size(), kUnknown),
        names_(run.names()) {}

  bool next_name() override { return names_.next(); }
  [[nodiscard]] Bytes key() const override { return names_.key(); }

  void gather_name(Gathered& out) override {
    for (const uint32_t record : names_.numbers()) {
      out.records.push_back(number_of_record(record));
    }
  }
  void gather_blocks(Blocks& blocks) override {
    for (const FeedRun::Block& block : run_.blocks()) {
      blocks[block.prefix].records.push_back(number_of_record(block.record));
    }
  }

 private:
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
      profile.origin = own.origin;
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
  SortedNamesReader names_;
};

// The base, with the overlay's word in place of its own wherever there is one.
class LayersSource final : public Source {
 public:
  LayersSource(const CompiledSnapshot& base, const Overlay* overlay, std::span<const FeedPart> parts,
               RecordTableBuilder& table, Categories& categories)
      : base_(base),
        overlay_(overlay),
        table_(table),
        categories_(categories),
        cursor_(base.name_index()),
        known_(base.record_table().size(), kUnknown),
        known_own_(overlay == nullptr ? 0 : overlay->own_count(), kUnknown),
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
    has_base_name_ = cursor_.next();
  }

  bool next_name() override {
    if (is_begun_) {
      has_base_name_ = at_base_ ? cursor_.next() : has_base_name_;
      own_at_ += at_own_ ? 1 : 0;
    }
    is_begun_ = true;
    const bool has_own = overlay_ != nullptr && own_at_ < overlay_->names().size();
    at_base_ = has_base_name_ && !(has_own && is_key_before(own_key(), cursor_.key()));
    at_own_ = has_own && !(has_base_name_ && is_key_before(cursor_.key(), own_key()));
    return at_base_ || at_own_;
  }
  [[nodiscard]] Bytes key() const override { return at_own_ ? own_key() : cursor_.key(); }

  void gather_name(Gathered& out) override {
    uint32_t single = 0;
    gather(at_own_ ? overlay_->records(overlay_->names()[own_at_].listed)
                   : base_.record_table().listed(cursor_.posting(), single),
           out);
  }
  void gather_blocks(Blocks& blocks) override {
    for (size_t i = 0; i < base_.address_index().size(); ++i) {
      const auto [prefix, value] = base_.address_index().at(i);
      if (overlay_ == nullptr || overlay_->find(prefix) == nullptr) {
        uint32_t single = 0;
        gather(base_.record_table().listed(value, single), blocks[prefix]);
      }
    }
    if (overlay_ != nullptr) {
      for (const Overlay::BlockEntry& entry : overlay_->blocks()) {
        gather(overlay_->records(entry.listed), blocks[entry.prefix]);
      }
    }
  }

 private:
  [[nodiscard]] Bytes own_key() const { return overlay_->key(overlay_->names()[own_at_]); }

  void gather(std::span<const uint32_t> records, Gathered& out) {
    for (const uint32_t record : records) {
      const bool is_own = (record & Overlay::kOwn) != 0;
      if (!is_own && record >= known_.size()) {
        continue;  // only in a damaged image
      }
      const RecordProfile profile = is_own ? own_profile(record) : base_.record_table().profile(record);
      const uint32_t part = parts_of_[profile.feed];
      if (part == kUnknown) {
        continue;
      }
      if (is_replaced_[part]) {
        const bool is_allow = profile.action == Action::kAllow;
        out.before.push_back({part, profile.scope, is_allow, is_allow ? bound_to(record) : 0});
      } else {
        out.records.push_back(is_own ? number_of_own(record, part) : number_of_record(record, part));
      }
    }
  }

  uint64_t bound_to(uint32_t record) {
    return table_.texts.intern((record & Overlay::kOwn) != 0 ? overlay_->record(record).source_ref
                                                             : base_.record(record).source_ref);
  }
  [[nodiscard]] RecordProfile own_profile(uint32_t record) const {
    const Overlay::OwnRecord& own = overlay_->own(record);
    RecordProfile profile;
    profile.feed = own.feed;
    profile.category = own.category;
    profile.action = own.said.action;
    profile.confidence = own.said.confidence;
    profile.scope = own.said.scope;
    profile.origin = own.said.origin;
    return profile;
  }

  uint32_t number_of_own(uint32_t record, uint32_t part) {
    uint32_t& known = known_own_[record & ~Overlay::kOwn];
    if (known == kUnknown) {
      const Record said = overlay_->record(record);
      RecordProfile profile = own_profile(record);
      profile.feed = static_cast<FeedId>(part);
      profile.category = categories_.number(overlay_->categories()[said.category]);
      RecordRow row;
      row.columns = {table_.intern(profile),
                     static_cast<uint64_t>(said.first_seen),
                     static_cast<uint64_t>(said.valid_from),
                     static_cast<uint64_t>(said.valid_until),
                     table_.texts.intern(said.threat),
                     table_.texts.intern(said.reference),
                     table_.texts.intern(said.note),
                     table_.texts.intern(said.source_ref)};
      known = table_.add(row);
    }
    return known;
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
  const Overlay* overlay_;
  RecordTableBuilder& table_;
  Categories& categories_;
  NameCursor cursor_;
  bool has_base_name_ = false;  // the cursor stands at one
  size_t own_at_ = 0;           // where the overlay's names are
  bool at_base_ = false;        // which of them are this name
  bool at_own_ = false;
  bool is_begun_ = false;
  std::vector<uint32_t> known_;      // the base's record -> the table's
  std::vector<uint32_t> known_own_;  // the overlay's
  std::vector<uint32_t> parts_of_;   // the base's feed -> part
  std::vector<bool> is_replaced_;
};

void sort_unique(std::vector<EntryOf>& entries) {
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
}

}  // namespace

void count_differences(std::vector<EntryOf>& was, std::vector<EntryOf>& is,
                       std::vector<FeedDifference>& out) {
  sort_unique(was);
  sort_unique(is);
  for (const EntryOf& entry : is) {
    const bool stays = std::binary_search(was.begin(), was.end(), entry);
    ++(stays ? out[entry.part].unchanged : out[entry.part].added);
  }
  for (const EntryOf& entry : was) {
    const bool stays = std::binary_search(is.begin(), is.end(), entry);
    out[entry.part].removed += stays ? 0 : 1;
  }
}

uint8_t Categories::number(std::string_view category) {
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

std::unique_ptr<Source> make_run_source(const FeedRun& run, uint32_t part, RecordTableBuilder& table,
                                        Categories& categories) {
  return std::make_unique<RunSource>(run, part, table, categories);
}

std::unique_ptr<Source> make_layers_source(const CompiledSnapshot& base, const Overlay* overlay,
                                           std::span<const FeedPart> parts, RecordTableBuilder& table,
                                           Categories& categories) {
  return std::make_unique<LayersSource>(base, overlay, parts, table, categories);
}

}  // namespace cenote
