// The manifest as text and back.
#pragma once

#include <string>
#include <vector>

#include "ioc/store.h"

namespace cenote {

struct Manifest {
  std::vector<StoredGeneration> generations;  // never empty
  bool has_journal = false;                   // a journal that continues it was put there before it
};
std::string write_manifest(const std::vector<StoredGeneration>& generations);
// An error where it is no manifest of ours: damaged, or of another version.
Result<Manifest> read_manifest(std::string_view text);

std::string write_small_change(const SmallChange& change);
std::vector<std::string> write_small_changes(const std::vector<SmallChange>& changes);
Result<SmallChange> read_small_change(std::string_view text);

std::string write_rejects(const std::vector<RejectRow>& rows);
std::vector<RejectRow> read_rejects(std::string_view text);  // empty where it is damaged

}  // namespace cenote
