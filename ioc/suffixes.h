// The public suffix list: which names nobody may block because a registry or a hoster sells what is below
// them. Immutable after loading, so any thread may read it. Names are A-labels in lower case, without a
// trailing dot.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/result.h"

struct psl_ctx_st;

namespace cenote {

// A Bloom filter over the rules of one list: whether a name can be a suffix at all. Nearly every name of a
// feed is none, and asking libpsl costs more than reading the line did.
class SuffixFilter {
 public:
  // Reads the list as text; nullopt where a rule cannot be read, for then it cannot be relied on.
  static std::optional<SuffixFilter> from_text(std::string_view text);
  [[nodiscard]] bool may_hold(std::string_view name) const noexcept;

 private:
  SuffixFilter();
  void add(uint64_t hash) noexcept;
  [[nodiscard]] bool has(uint64_t hash) const noexcept;

  std::vector<uint64_t> bits_;
};

class PublicSuffixes {
 public:
  enum class Kind { kNone, kIcann, kPrivate };

  // The newest that the system has, loaded once.
  static const PublicSuffixes& system();
  static Result<PublicSuffixes> from_file(const std::string& path);

  // What the list says of exactly this name. The parent of a wildcard rule ("kawasaki.jp" of "*.kawasaki.jp")
  // is a suffix as well. Below a private wildcard is one tenant, which is no suffix here.
  // REQUIRES: a '\0' behind the name.
  [[nodiscard]] Kind kind(std::string_view name) const;

 private:
  struct Free {
    void operator()(psl_ctx_st* list) const noexcept;
  };
  using List = std::unique_ptr<psl_ctx_st, Free>;
  PublicSuffixes(List list, std::optional<SuffixFilter> filter)
      : list_(std::move(list)), filter_(std::move(filter)) {}

  List list_;
  std::optional<SuffixFilter> filter_;
};

}  // namespace cenote
