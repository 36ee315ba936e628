// The public suffix list: which names nobody may block because a registry or a hoster sells what is below
// them. Immutable after loading, so any thread may read it. Names are A-labels in lower case, without a
// trailing dot.
#pragma once

#include <memory>
#include <string>

#include "resolver/base/result.h"

struct psl_ctx_st;

namespace cenote {

class PublicSuffixes {
 public:
  enum class Kind { kNone, kIcann, kPrivate };

  // The newest that the system has, loaded once.
  static const PublicSuffixes& system();
  static Result<PublicSuffixes> from_file(const std::string& path);

  // What the list says of exactly this name. The parent of a wildcard rule ("kawasaki.jp" of "*.kawasaki.jp")
  // is a suffix as well. Below a private wildcard is one tenant, which is no suffix here.
  [[nodiscard]] Kind kind(const char* name) const;

 private:
  struct Free {
    void operator()(psl_ctx_st* list) const noexcept;
  };
  using List = std::unique_ptr<psl_ctx_st, Free>;
  explicit PublicSuffixes(List list) : list_(std::move(list)) {}

  List list_;
};

}  // namespace cenote
