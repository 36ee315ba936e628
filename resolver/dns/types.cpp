#include "resolver/dns/types.h"

#include <array>
#include <cstdlib>
#include <memory>

#include "resolver/base/text.h"
#include "resolver/dns/ldns_headers.h"

namespace cenote {

std::string type_text(uint16_t type) {
  switch (type) {  // nearly every hit: not through the library, which takes longer than the rest of its line
    case rrtype::kA:
      return "A";
    case rrtype::kAaaa:
      return "AAAA";
    case rrtype::kHttps:
      return "HTTPS";
    default:
      break;
  }
  struct Free {
    void operator()(char* text) const noexcept { std::free(text); }
  };
  const std::unique_ptr<char, Free> text(ldns_rr_type2str(static_cast<ldns_rr_type>(type)));
  return text ? text.get() : "TYPE" + std::to_string(type);
}

uint16_t parse_type(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - ('a' - 'A'));
    }
  }
  if (upper.starts_with("TYPE")) {
    return static_cast<uint16_t>(parse_number(std::string_view(upper).substr(4), 65535).value_or(0));
  }
  return static_cast<uint16_t>(ldns_get_rr_type_by_name(upper.c_str()));
}

std::string_view rcode_text(uint8_t rcode) noexcept {
  constexpr std::array<std::string_view, 17> kTexts{
      "NOERROR", "FORMERR", "SERVFAIL",  "NXDOMAIN", "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
      "NOTAUTH", "NOTZONE", "DSOTYPENI", "RCODE12",  "RCODE13", "RCODE14", "RCODE15",  "BADVERS"};
  return rcode < kTexts.size() ? kTexts[rcode] : "RCODE";
}

}  // namespace cenote
