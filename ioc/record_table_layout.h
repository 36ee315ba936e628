// What the builder and the readers of a record table must agree on.
#pragma once

#include <cstdint>

#include "ioc/record_table.h"

namespace cenote::record_table {

enum Section : uint32_t {
  kTableHeadSection = 0x300,
  kRowsSection,
  kProfilesSection,
  kTargetsSection,
  kListsSection,
  kTextOffsetsSection,
  kTextsSection,
};

constexpr uint32_t kList = uint32_t{1} << 31;
constexpr uint64_t kMaxColumnBits = 64;

}  // namespace cenote::record_table
