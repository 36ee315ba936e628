#include "resolver/events/event_json.h"

#include <array>

#include <fmt/format.h>

#include "resolver/base/text.h"
#include "resolver/dns/types.h"

namespace cenote {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

// What stands in a JSON string as it is.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t byte = ' '; byte < 0x7F; ++byte) {
    plain[byte] = byte != '"' && byte != '\\';
  }
  return plain;
}();

void append_escaped(std::string& out, uint32_t code) {
  const auto unit = [&](uint32_t value) { fmt::format_to(std::back_inserter(out), "\\u{:04x}", value); };
  if (code >= 0x10000) {  // a surrogate pair (RFC 8259 section 7)
    unit(0xD800 + ((code - 0x10000) >> 10));
    unit(0xDC00 + ((code - 0x10000) & 0x3FF));
  } else {
    unit(code);
  }
}

// `name` is the key with its quotes, colon and the comma before it.
void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += name;
  append_json_string(out, text);
}

void append_member(std::string& out, std::string_view name, uint64_t number) {
  const fmt::format_int digits(number);
  out += name;
  out.append(digits.data(), digits.size());
}

void append_if_any(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) {
    append_member(out, name, text);
  }
}

}  // namespace

// Feed texts may hold anything: bad UTF-8 becomes U+FFFD, and what is not printable ASCII is escaped, so that
// no terminal is moved.
void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && kPlain[static_cast<uint8_t>(text[plain])]) {
      ++plain;
    }
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) {
      break;
    }
    if (text.front() == '"' || text.front() == '\\') {
      out += '\\';
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto [code, size] = decode_utf8(text);
    append_escaped(out, code == kBadCodePoint ? kReplacement : code);
    text.remove_prefix(size);
  }
  out += '"';
}

// By hand, and not through a document: a flood of hits is written at a tenth of the price.
void append_json_line(std::string& out, const Event& event) {
  const Verdict& verdict = event.verdict;
  append_member(out, R"({"time":)", to_rfc3339(event.time));
  append_member(out, R"(,"incident":)", event.incident.to_text());
  append_member(out, R"(,"client":)", event.client.address().to_text());
  append_member(out, R"(,"client_port":)", event.client.port());
  append_if_any(out, R"(,"client_name":)", event.client_name);
  append_member(out, R"(,"transport":)", to_text(event.transport));
  const NameText name(event.name);
  append_member(out, R"(,"name":)", name.view());
  if (event.type != 0) {
    append_member(out, R"(,"type":)", type_text(event.type));
  }
  append_member(out, R"(,"action":)", to_text(verdict.action));
  append_member(out, R"(,"match":)", to_text(verdict.match));
  if (verdict.match == MatchKind::kAddress || verdict.match == MatchKind::kServiceHint) {
    append_member(out, R"(,"matched":)", verdict.address.to_text());
  } else {
    append_member(out, R"(,"matched":)", NameText(verdict.matched).view());
    append_member(out, R"(,"indicator":)", NameText(verdict.matched.suffix(verdict.depth)).view());
  }
  append_member(out, R"(,"scope":)", to_text(verdict.scope));
  append_member(out, R"(,"feed":)", verdict.feed);
  append_member(out, R"(,"category":)", verdict.category);
  append_member(out, R"(,"confidence":)", verdict.confidence);
  append_member(out, R"(,"generation":)", verdict.generation);
  append_if_any(out, R"(,"threat":)", verdict.threat);
  append_if_any(out, R"(,"reference":)", verdict.reference);
  append_if_any(out, R"(,"group":)", event.group);
  out += '}';
}

std::string to_json_line(const Event& event) {
  std::string line;
  append_json_line(line, event);
  return line;
}

}  // namespace cenote
