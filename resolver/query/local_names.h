// The names that Cenote answers by itself: special-use names (RFC 6761 and those after it), private reverse
// zones (RFC 6303, RFC 7793), the canaries of browsers, and the site's own records. Immutable after
// construction; one per worker. A look-up costs one hash and a look at the last label.
#pragma once

#include <unordered_map>
#include <vector>

#include "resolver/dns/name.h"
#include "resolver/query/settings.h"

namespace cenote {

class LocalNames {
 public:
  explicit LocalNames(const NamesSettings& settings);

  enum class Kind : uint8_t {
    kNone,       // not ours
    kRecords,    // the site's own records
    kLoopback,   // localhost and what is below it (RFC 6761 section 6.3)
    kEmptyZone,  // a zone without names: its apex has no data, below it there is nothing (RFC 6303 section 3)
    kNoData,     // every name is there and has no data
    kNothing,    // neither the name nor anything below it exists
  };
  struct Match {
    Kind kind = Kind::kNone;
    Name zone;  // the special name around the question
    const std::vector<LocalRecord>* records = nullptr;
  };
  [[nodiscard]] Match find(const Name& name) const noexcept;

 private:
  struct NameHash {
    size_t operator()(const Name& name) const noexcept;
  };
  void add_zone(std::string_view name, Kind kind);
  void add_reverse_zones();

  std::unordered_map<Name, std::vector<LocalRecord>, NameHash> records_;
  std::unordered_map<Name, Kind, NameHash> zones_;
  std::vector<std::string> last_labels_;  // of zones_: most questions end elsewhere,
  uint64_t last_label_bits_ = 0;          // which mostly one bit tells
  std::vector<Name> canaries_;
};

}  // namespace cenote
