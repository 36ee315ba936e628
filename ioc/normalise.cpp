#include "ioc/normalise.h"

#include <algorithm>

#include "ioc/byte_set.h"
#include "resolver/base/text.h"

namespace cenote {

// idna.cpp: the rare way, for names that are not ASCII.
Reason to_ascii_name(std::string_view text, std::string& out);

namespace {

constexpr size_t kMaxTextBytes = 253;  // kMaxNameBytes without the first length byte and the root label

constexpr ByteSet kPathBegins("/?#");

// The lower-case form of every byte that a name may hold, dots included; 0 for all others.
constexpr std::array<uint8_t, 256> kNameBytes = [] {
  std::array<uint8_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool upper = byte >= 'A' && byte <= 'Z';
    const bool same = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
                      byte == '_' || byte == '.';
    table[byte] = static_cast<uint8_t>(upper ? byte + ('a' - 'A') : same ? byte : 0);
  }
  return table;
}();

// A label's length stands where text has the dot before it, so both forms are written in one pass.
Reason canonical_ascii(std::string_view text, HostName& out) noexcept {
  if (text.ends_with('.')) {
    text.remove_suffix(1);
  }
  if (text.empty()) {
    return Reason::kEmpty;
  }
  if (text.size() > kMaxTextBytes) {
    return Reason::kNameTooLong;
  }
  std::array<uint8_t, kMaxNameBytes> wire;
  size_t label = 0;  // where the current label's length byte is in `wire`
  for (size_t i = 0; i <= text.size(); ++i) {
    const uint8_t byte = i < text.size() ? kNameBytes[static_cast<uint8_t>(text[i])] : uint8_t{'.'};
    if (byte == 0) {
      return Reason::kBadChar;
    }
    out.text[i] = static_cast<char>(byte);
    wire[i + 1] = byte;
    if (byte == '.') {
      const size_t length = i - label;
      if (length == 0 || length > kMaxLabelBytes) {
        return length == 0 ? Reason::kEmptyLabel : Reason::kLabelTooLong;
      }
      wire[label] = static_cast<uint8_t>(length);
      label = i + 1;
    }
  }
  wire[label] = 0;
  out.size = text.size();
  out.text[out.size] = '\0';
  out.name = *Name::from_wire({wire.data(), label + 1});
  return Reason::kNone;
}

bool is_ascii(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x80; });
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// "1", "0x7f": what inet_aton and browsers would take for the end of an IPv4 address.
bool is_numeric(std::string_view label) noexcept {
  if (std::all_of(label.begin(), label.end(), is_digit)) {
    return true;
  }
  return label.size() > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X') &&
         std::all_of(label.begin() + 2, label.end(), is_hex);
}

}  // namespace

std::string_view trim_blanks(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 4> kBlanks{" ", "\t", "\u00A0", "\u3000"};
  for (bool cut = true; cut;) {
    cut = false;
    for (const std::string_view blank : kBlanks) {
      if (text.starts_with(blank)) {
        text.remove_prefix(blank.size());
        cut = true;
      } else if (text.ends_with(blank)) {
        text.remove_suffix(blank.size());
        cut = true;
      }
    }
  }
  return text;
}

Reason canonical_name(std::string_view text, HostName& out) {
  const Reason reason = canonical_ascii(text, out);
  if (reason == Reason::kNone || is_ascii(text)) {
    return reason;
  }
  std::string ascii;
  const Reason failed = to_ascii_name(text, ascii);
  return failed != Reason::kNone ? failed : canonical_ascii(ascii, out);
}

Reason check_name(const HostName& host) noexcept {
  // RFC 6761, 6762, 7686, 9476 and ICANN's .internal: never public, so an entry is a mistake or an attack.
  constexpr std::array<std::string_view, 7> kSpecial{"localhost", "local", "localdomain", "onion",
                                                     "invalid",   "arpa",  "internal"};
  const std::string_view text = host.view();
  const size_t dot = text.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? text : text.substr(dot + 1);
  if (is_numeric(last)) {
    return Reason::kNumericTld;
  }
  if (is_one_of(last, kSpecial)) {
    return Reason::kSpecialUse;
  }
  return dot == std::string_view::npos ? Reason::kSingleLabel : Reason::kNone;
}

bool looks_like_address(std::string_view text) noexcept {
  const std::string_view body = text.substr(0, text.find('/'));
  if (body.starts_with('[') || std::count(body.begin(), body.end(), ':') > 1) {
    return true;
  }
  const std::string_view host = body.substr(0, body.find(':'));
  const size_t dot = host.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  return !last.empty() && is_numeric(last);
}

Reason canonical_address(std::string_view text, Prefix& out) noexcept {
  constexpr uint8_t kWidestV4 = 8;   // a wider block is a mistake, whoever listed it
  constexpr uint8_t kWidestV6 = 19;  // the widest block that a registry hands out
  const size_t slash = text.find('/');
  std::string_view host = text.substr(0, slash);
  std::string_view port;
  const size_t bracket = host.find(']');
  if (host.starts_with('[') && bracket != std::string_view::npos) {
    port = host.substr(bracket + 1);
    host = host.substr(1, bracket - 1);
    if (host.find(':') == std::string_view::npos) {
      return Reason::kWeirdIp;
    }
  } else if (std::count(host.begin(), host.end(), ':') == 1) {
    port = host.substr(host.find(':'));
    host = host.substr(0, host.find(':'));
  }
  if (!port.empty() && (port[0] != ':' || !parse_number(port.substr(1), 65535))) {
    return Reason::kWeirdIp;
  }
  const auto address = IpAddress::from_text(host);
  if (!address) {
    return Reason::kWeirdIp;
  }
  if (!is_global(*address) || (address->is_v4() && host.find(':') != std::string_view::npos)) {
    return Reason::kIpNotGlobal;  // IPv4-mapped addresses are not routed either (RFC 6890)
  }
  const uint8_t most = address->is_v4() ? 32 : 128;
  out = Prefix{*address, most};
  if (slash == std::string_view::npos) {
    return Reason::kNone;
  }
  const auto length = parse_number(text.substr(slash + 1), most);
  if (!length || !port.empty()) {
    return Reason::kWeirdIp;
  }
  if (*length < (address->is_v4() ? kWidestV4 : kWidestV6)) {
    return Reason::kCidrTooWide;
  }
  const auto block = Prefix::from_text(text);
  if (!block) {
    return Reason::kCidrHostBits;
  }
  out = *block;
  return Reason::kNone;
}

std::optional<Authority> split_url(std::string_view text) noexcept {
  Authority url;
  const size_t scheme = text.find("://");
  if (scheme != std::string_view::npos && scheme < kPathBegins.find_in(text)) {
    const auto in_scheme = [](char c) { return kNameBytes[static_cast<uint8_t>(c)] != 0 || c == '+'; };
    if (scheme == 0 || !std::all_of(text.begin(), text.begin() + static_cast<ptrdiff_t>(scheme), in_scheme)) {
      return std::nullopt;
    }
    url.has_scheme = true;
    text.remove_prefix(scheme + 3);
  }
  const size_t end = std::min(kPathBegins.find_in(text), text.size());
  url.has_path = end + 1 < text.size();
  std::string_view authority = text.substr(0, end);
  // A browser reads "\" as "/", others do not: such a URL has no host that everybody agrees on.
  if (authority.find('\\') != std::string_view::npos) {
    return std::nullopt;
  }
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (!url.has_scheme) {
      return std::nullopt;  // an e-mail address
    }
    authority.remove_prefix(at + 1);
  }
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    if (!port.empty() && !parse_number(port, 65535)) {
      return std::nullopt;
    }
    authority = authority.substr(0, colon);
  }
  url.host = authority;
  return authority.empty() ? std::nullopt : std::optional(url);
}

NameGuard::NameGuard(const PublicSuffixes& suffixes, const std::vector<Name>& own) : suffixes_(suffixes) {
  for (const Name& zone : own) {
    const std::string text = zone.to_text();
    own_.insert(text);
    for (size_t dot = text.find('.'); dot != std::string::npos; dot = text.find('.', dot + 1)) {
      above_own_.insert(text.substr(dot + 1));
    }
  }
}

bool NameGuard::touches_own(std::string_view name, Scope scope) const {
  if (scope != Scope::kExact && above_own_.contains(name)) {
    return true;
  }
  while (true) {
    if (own_.contains(name)) {
      return true;
    }
    const size_t dot = name.find('.');
    if (dot == std::string_view::npos) {
      return false;
    }
    name.remove_prefix(dot + 1);
  }
}

Reason NameGuard::check(const HostName& host, Scope scope) const {
  if (!own_.empty() && touches_own(host.view(), scope)) {
    return Reason::kOwnDomain;
  }
  const PublicSuffixes::Kind kind = suffixes_.kind(host.view());
  if (kind == PublicSuffixes::Kind::kIcann) {
    return Reason::kIcannSuffix;
  }
  return kind == PublicSuffixes::Kind::kPrivate && scope != Scope::kExact ? Reason::kPrivateSuffix
                                                                          : Reason::kNone;
}

bool NameGuard::has_known_tld(const HostName& host) const {
  // Some TLDs stand in the list only with their second level ("co.za").
  const char* end = host.text.data() + host.size;
  for (const char* label = host.text.data(); label != end;) {
    if (suffixes_.kind({label, static_cast<size_t>(end - label)}) == PublicSuffixes::Kind::kIcann) {
      return true;
    }
    const char* dot = std::find(label, end, '.');
    label = dot == end ? end : dot + 1;
  }
  return false;
}

}  // namespace cenote
