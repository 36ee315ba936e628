#include "ioc/reason.h"

#include <array>

namespace cenote {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Reason::kCount)> kWords{
    "none",
    "line_too_long",
    "nul_byte",
    "control_char",
    "empty",
    "empty_label",
    "label_too_long",
    "name_too_long",
    "bad_char",
    "bad_idna",
    "format_char",
    "single_label",
    "numeric_tld",
    "special_use",
    "icann_suffix",
    "private_suffix",
    "own_domain",
    "root",
    "unsupported_pattern",
    "unknown_tld",
    "bad_url",
    "weird_ip",
    "ip_not_global",
    "cidr_too_wide",
    "cidr_host_bits",
    "hosts_redirect",
    "unsupported_rule",
    "unsupported_modifier",
    "cosmetic",
    "url_path_rule",
    "missing_separator",
    "url_path",
    "bad_record",
    "unsupported_action",
    "bad_action",
    "unsupported_trigger",
    "include_refused",
    "generate_refused",
    "out_of_zone",
    "csv_unclosed_quote",
    "not_network",
    "not_to_ids",
    "ip_src",
    "revoked",
    "benign",
    "superseded",
    "pattern_syntax",
    "pattern_too_long",
    "pattern_depth",
    "pattern_conjunction",
    "pattern_followedby",
    "pattern_negation",
    "pattern_matches",
    "pattern_like",
    "pattern_compare",
    "pattern_qualifier",
    "pattern_type",
    "no_network_ioc",
};
static_assert(!kWords.back().empty(), "one word for every reason");

}  // namespace

std::string_view to_text(Reason reason) noexcept {
  return kWords[static_cast<size_t>(reason)];
}

}  // namespace cenote
