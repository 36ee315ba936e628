// Makes an overlay: copies the one before, and settles anew what each touched name or block is listed for.
// For ioc/overlay_builder.cpp alone, which says what is to be touched.
#pragma once

#include <tuple>

#include "ioc/overlay.h"

namespace cenote {

// A record with all that decides which entry it is and which of two for the same entry stays.
struct SaidRecord {
  uint32_t number = 0;
  Record said;
  std::string_view category;
  Scope scope = Scope::kExact;
  Origin origin = Origin::kList;

  // What is one entry, however many origins say it. An exception's source_ref is whom it is for.
  [[nodiscard]] auto entry() const noexcept {
    const bool is_allow = said.action == Action::kAllow;
    return std::tuple(said.feed, scope, is_allow, is_allow ? said.source_ref : std::string_view());
  }
  [[nodiscard]] auto identity() const noexcept { return std::tuple(entry(), origin); }
};

class OverlayBuilder {
 public:
  OverlayBuilder(const CompiledSnapshot& base, const Overlay* before);

  // Texts of own records are interned before anything is described: described records borrow from the pool.
  uint32_t own_record(const Record& said, std::string_view category, Scope scope, Origin origin);

  [[nodiscard]] SaidRecord describe(uint32_t record) const;
  // What is said now: by the overlay as it was copied, else by the base.
  struct Present {
    std::vector<SaidRecord> said;
    bool in_base = false;
  };
  [[nodiscard]] Present present(Bytes key) const;
  [[nodiscard]] Present present(const Prefix& prefix) const;

  // From now on these are all. REQUIRES: keys in rising order, prefixes too.
  void settle(Bytes key, const Present& before, std::vector<SaidRecord> after, uint64_t generation);
  void settle(const Prefix& prefix, const Present& before, std::vector<SaidRecord> after,
              uint64_t generation);

  std::shared_ptr<const Overlay> finish();

 private:
  [[nodiscard]] CategoryId category_number(std::string_view category);
  [[nodiscard]] std::vector<SaidRecord> describe(std::span<const uint32_t> records) const;
  Overlay::Listed list(const Present& before, std::vector<SaidRecord>& after, uint64_t generation);
  void count_entries(const std::vector<SaidRecord>& said, int64_t sign);
  void merge_names();
  void merge_blocks();
  void index_names();

  const CompiledSnapshot& base_;
  std::shared_ptr<Overlay> made_;
  std::vector<Overlay::NameEntry> names_;  // settled, in key order; their keys are in made_
  std::vector<Overlay::BlockEntry> blocks_;
};

}  // namespace cenote
