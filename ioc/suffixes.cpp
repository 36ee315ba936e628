#include "ioc/suffixes.h"

#include <cstring>

#include <libpsl.h>

namespace cenote {
namespace {

// Without PSL_TYPE_NO_STAR_RULE every unknown top level name would count as a suffix.
bool is_suffix(const psl_ctx_t* list, const char* name, int section) noexcept {
  return psl_is_public_suffix2(list, name, section | PSL_TYPE_NO_STAR_RULE) == 1;
}

// libpsl does not tell a listed name from one that a wildcard rule of its parent makes a suffix. A label that
// no list holds stands in for any other child.
bool is_below_private_wildcard(const psl_ctx_t* list, const char* name) {
  const char* dot = std::strchr(name, '.');
  return dot != nullptr && is_suffix(list, (std::string("zz--unlisted") + dot).c_str(), PSL_TYPE_PRIVATE);
}

}  // namespace

void PublicSuffixes::Free::operator()(psl_ctx_st* list) const noexcept {
  psl_free(list);
}

const PublicSuffixes& PublicSuffixes::system() {
  static const PublicSuffixes kSystem(List(psl_latest(nullptr)));
  return kSystem;
}

Result<PublicSuffixes> PublicSuffixes::from_file(const std::string& path) {
  List list(psl_load_file(path.c_str()));
  if (!list || psl_suffix_count(list.get()) == 0) {
    return fail("{}: not a public suffix list", path);
  }
  return PublicSuffixes(std::move(list));
}

PublicSuffixes::Kind PublicSuffixes::kind(const char* name) const {
  if (!is_suffix(list_.get(), name, PSL_TYPE_ANY)) {
    return Kind::kNone;  // nearly always: one look instead of three
  }
  if (is_suffix(list_.get(), name, PSL_TYPE_ICANN)) {
    return Kind::kIcann;
  }
  return is_below_private_wildcard(list_.get(), name) ? Kind::kNone : Kind::kPrivate;
}

}  // namespace cenote
