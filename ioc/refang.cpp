#include <algorithm>
#include <array>

#include "ioc/byte_set.h"
#include "ioc/normalise.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

struct Mark {
  std::string_view written;
  std::string_view meant;
};
// No legal host name holds any of these, so they can be undone in every format. Matched in any letter case.
constexpr std::array<Mark, 9> kMarks{{{"[.]", "."},  // by far the most frequent
                                      {"[://]", "://"},
                                      {"[dot]", "."},
                                      {"(dot)", "."},
                                      {"{dot}", "."},
                                      {"(.)", "."},
                                      {"{.}", "."},
                                      {"[:]", ":"},
                                      {"\\.", "."}}};

constexpr ByteSet kFirsts("[({\\");  // every mark begins with one of these

bool begins_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

const Mark* mark_at(std::string_view text) noexcept {
  for (const Mark& mark : kMarks) {
    if (begins_ignoring_case(text, mark.written)) {
      return &mark;
    }
  }
  return nullptr;
}

}  // namespace

bool refang(std::string_view text, std::string& out) {
  const bool hxxp = begins_ignoring_case(text, "hxxp");
  if (!hxxp && kFirsts.find_in(text) == std::string_view::npos) {
    return false;
  }
  std::string plain;
  plain.reserve(text.size());
  bool changed = hxxp;
  if (hxxp) {
    plain = "http";
    text.remove_prefix(plain.size());
  }
  while (true) {
    const size_t as_it_is = std::min(kFirsts.find_in(text), text.size());
    plain += text.substr(0, as_it_is);
    text.remove_prefix(as_it_is);
    if (text.empty()) {
      break;
    }
    const Mark* mark = mark_at(text);
    plain += mark != nullptr ? mark->meant : text.substr(0, 1);
    changed = changed || mark != nullptr;
    text.remove_prefix(mark != nullptr ? mark->written.size() : 1);
  }
  if (changed) {
    out = std::move(plain);
  }
  return changed;
}

}  // namespace cenote
