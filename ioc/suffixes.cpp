#include "ioc/suffixes.h"

#include <cstring>

#include <libpsl.h>
#include <xxhash.h>

#include "ioc/durable_file.h"
#include "ioc/normalise.h"
#include "resolver/base/files.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr const char* kSystemList = "/usr/share/publicsuffix/public_suffix_list.dat";
constexpr uint64_t kMostListBytes = uint64_t{16} << 20;
constexpr size_t kFilterBits = size_t{1}
                               << 18;  // 32 KiB: stays in the cache; ten thousand rules pass 1 % of others
constexpr uint64_t kWildcardSeed = 1;  // what a rule "*.x" says is not what a rule "x" says

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

SuffixFilter::SuffixFilter() : bits_(kFilterBits / 64) {}

void SuffixFilter::add(uint64_t hash) noexcept {
  for (const uint64_t bit : {hash % kFilterBits, (hash >> 32) % kFilterBits}) {
    bits_[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

bool SuffixFilter::has(uint64_t hash) const noexcept {
  const uint64_t first = hash % kFilterBits;
  const uint64_t second = (hash >> 32) % kFilterBits;
  return (bits_[first / 64] >> (first % 64) & bits_[second / 64] >> (second % 64) & 1) != 0;
}

std::optional<SuffixFilter> SuffixFilter::from_text(std::string_view text) {
  SuffixFilter filter;
  HostName host;
  size_t rules = 0;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line.substr(0, line.find_first_of(" \t\r")));
    if (line.empty() || line.starts_with("//") || line.starts_with('!')) {
      continue;  // an exception makes no name a suffix
    }
    const bool is_wildcard = line.starts_with("*.");
    line.remove_prefix(is_wildcard ? 2 : 0);
    if (canonical_name(line, host) != Reason::kNone) {
      return std::nullopt;
    }
    filter.add(XXH3_64bits(host.text.data(), host.size));
    if (is_wildcard) {
      filter.add(XXH3_64bits_withSeed(host.text.data(), host.size, kWildcardSeed));
    }
    ++rules;
  }
  return rules == 0 ? std::nullopt : std::optional(std::move(filter));
}

bool SuffixFilter::may_hold(std::string_view name) const noexcept {
  if (has(XXH3_64bits(name.data(), name.size()))) {
    return true;
  }
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) {
    return false;
  }
  const std::string_view parent = name.substr(dot + 1);
  return has(XXH3_64bits_withSeed(parent.data(), parent.size(), kWildcardSeed));
}

void PublicSuffixes::Free::operator()(psl_ctx_st* list) const noexcept {
  psl_free(list);
}

const PublicSuffixes& PublicSuffixes::system() {
  static const PublicSuffixes kSystem = [] {
    auto from_text = from_file(kSystemList);
    return from_text ? std::move(*from_text) : PublicSuffixes(List(psl_latest(nullptr)), std::nullopt);
  }();
  return kSystem;
}

Result<PublicSuffixes> PublicSuffixes::from_file(const std::string& path) {
  List list(is_no_file(path) ? nullptr : psl_load_file(path.c_str()));
  if (!list || psl_suffix_count(list.get()) == 0) {
    return fail("{}: not a public suffix list", path);
  }
  const auto text = read_whole_file(path, kMostListBytes);
  constexpr std::string_view kCompiled = ".DAFSA@PSL";
  return PublicSuffixes(
      std::move(list), text && !text->starts_with(kCompiled) ? SuffixFilter::from_text(*text) : std::nullopt);
}

PublicSuffixes::Kind PublicSuffixes::kind(std::string_view name) const {
  if (filter_ && !filter_->may_hold(name)) {
    return Kind::kNone;
  }
  if (!is_suffix(list_.get(), name.data(), PSL_TYPE_ANY)) {
    return Kind::kNone;  // one look instead of three
  }
  if (is_suffix(list_.get(), name.data(), PSL_TYPE_ICANN)) {
    return Kind::kIcann;
  }
  return is_below_private_wildcard(list_.get(), name.data()) ? Kind::kNone : Kind::kPrivate;
}

}  // namespace cenote
