#include "resolver/events/event_json.h"

#include <algorithm>
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

// A line while it is written, in place: nearly all that it holds is short, and a string that grows by 36
// pieces costs more than the pieces.
class Line {
 public:
  // Keys are of a member without its closing quote, `,"feed":"`, and their lengths known to the compiler.
  template <size_t N>
  void add(const char (&key)[N], std::string_view text) {
    if (std::all_of(text.begin(), text.end(), [](char c) { return kPlain[static_cast<uint8_t>(c)]; })) {
      add_plain(key, text);
      return;
    }
    std::string escaped;
    append_json_string(escaped, text);
    put(key, std::string_view(escaped).substr(1));
  }
  template <size_t N>
  void add_if_any(const char (&key)[N], std::string_view text) {
    if (!text.empty()) {
      add(key, text);
    }
  }
  // A text of our own, which needs no look.
  template <size_t N>
  void add_plain(const char (&key)[N], std::string_view text) {
    put(key, text, "\"");
  }
  // Without an escape of its own a name has none for JSON, and its text is as long as its labels and their
  // dots.
  template <size_t N>
  void add_name(const char (&key)[N], std::string_view text, Bytes wire) {
    if (text.size() + 2 == wire.size()) {
      add_plain(key, text);
    } else {
      add(key, text);
    }
  }
  template <size_t N>
  void add_number(const char (&key)[N], uint64_t number) {
    const fmt::format_int digits(number);
    put(key, {digits.data(), digits.size()});
  }
  void end() { put("}", {}); }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  // Whether there is room is asked once for all three, and there always is.
  template <size_t N, size_t M = 1>
  void put(const char (&key)[N], std::string_view text, const char (&end)[M] = "") {
    if (N + text.size() + M > text_.size() - size_) {
      return;
    }
    char* at = text_.data() + size_;
    std::memcpy(at, key, N - 1);
    at = std::copy(text.begin(), text.end(), at + N - 1);
    std::memcpy(at, end, M - 1);
    size_ += N - 1 + text.size() + M - 1;
  }

  // More than any event needs: three names of 255 bytes, each \\DDD, and texts of 450, each \u00NN.
  std::array<char, 8192> text_;
  size_t size_ = 0;
};

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
void append_json_line(std::string& out, const EventView& event) {
  const VerdictFacts& verdict = event.verdict;
  const auto time = rfc3339(event.time);
  Line line;
  line.add_plain(R"({"time":")", {time.data(), time.size()});
  line.add_plain(R"(,"incident":")", event.incident.to_text());
  line.add_plain(R"(,"client":")", event.client.to_text());
  line.add_number(R"(,"client_port":)", event.client_port);
  line.add_if_any(R"(,"client_name":")", event.client_name);
  line.add_plain(R"(,"transport":")", to_text(event.transport));
  const NameText name(event.name);
  line.add_name(R"(,"name":")", name.view(), event.name);
  if (event.type != 0) {
    line.add_plain(R"(,"type":")", type_text(event.type));
  }
  line.add_plain(R"(,"action":")", to_text(verdict.action));
  line.add_plain(R"(,"match":")", to_text(verdict.match));
  if (verdict.is_about_address()) {
    line.add_plain(R"(,"matched":")", event.address.to_text());
  } else {
    // All three are the same name most of the time.
    const auto add_name = [&](const auto& key, Bytes wire) {
      line.add_name(key, is_same_name(wire, event.name) ? name.view() : NameText(wire).view(), wire);
    };
    add_name(R"(,"matched":")", event.matched);
    add_name(R"(,"indicator":")", last_labels(event.matched, event.verdict.depth));
  }
  line.add_plain(R"(,"scope":")", to_text(verdict.scope));
  line.add(R"(,"feed":")", event.feed);
  line.add(R"(,"category":")", event.category);
  line.add_number(R"(,"confidence":)", verdict.confidence);
  line.add_number(R"(,"generation":)", verdict.generation);
  line.add_if_any(R"(,"threat":")", event.threat);
  line.add_if_any(R"(,"reference":")", event.reference);
  line.add_if_any(R"(,"group":")", event.group);
  if (event.count > 1) {
    line.add_number(R"(,"count":)", event.count);
  }
  if (event.omitted != 0) {
    line.add_number(R"(,"omitted":)", event.omitted);
  }
  if (event.count > 1 || event.omitted != 0) {
    const auto first = rfc3339(event.first);
    line.add_plain(R"(,"first":")", {first.data(), first.size()});
  }
  line.end();
  out += line.text();
}

std::string to_json_line(const EventView& event) {
  std::string line;
  append_json_line(line, event);
  return line;
}

}  // namespace cenote
