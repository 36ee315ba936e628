// Adblock Plus, AdGuard and uBlock rules. DNS can honour only rules about a whole host; a rule that needs
// more (a path, a page part, a request type) is refused, never widened to its host.
#include <algorithm>
#include <array>

#include "ioc/formats/formats.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::array<std::string_view, 5> kCosmeticMarks{"##", "#@#", "#?#", "#$#", "#%#"};

bool is_cosmetic(std::string_view rule) noexcept {
  return std::any_of(kCosmeticMarks.begin(), kCosmeticMarks.end(),
                     [&](std::string_view mark) { return rule.find(mark) != std::string_view::npos; });
}

// These change nothing for a resolver; $badfilter would switch a rule off, $dnsrewrite inject an answer.
bool are_harmless(std::string_view modifiers) noexcept {
  constexpr std::array<std::string_view, 4> kHarmless{"important", "all", "document", "doc"};
  while (true) {
    const size_t comma = modifiers.find(',');
    if (!is_one_of(modifiers.substr(0, comma), kHarmless)) {
      return false;
    }
    if (comma == std::string_view::npos) {
      return true;
    }
    modifiers.remove_prefix(comma + 1);
  }
}

// " # why" behind a rule.
std::string_view without_remark(std::string_view line) noexcept {
  for (size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at > 0 && (line[at - 1] == ' ' || line[at - 1] == '\t')) {
      return trim_blanks(line.substr(0, at));
    }
  }
  return line;
}

class Adblock : public LineFormat {
 public:
  using LineFormat::LineFormat;

 protected:
  void read_line(std::string_view line) override {
    const std::string_view rule = trim_blanks(line);
    const bool is_header = rule.starts_with('[') && rule.ends_with(']');  // "[Adblock Plus 2.0]"
    if (rule.empty() || rule[0] == '!' || is_header) {
      return;
    }
    if (is_cosmetic(rule)) {
      intake_.reject(line, Reason::kCosmetic);
    } else if (rule[0] != '#') {
      read_rule(without_remark(rule));
    }
  }

 private:
  void read_rule(std::string_view rule) {
    const bool allow = rule.starts_with("@@");
    const std::string_view pattern = rule.substr(allow ? 2 : 0);
    if (pattern.starts_with("||")) {
      read_host_rule(rule, pattern.substr(2), allow);
    } else if (pattern.size() > 1 && pattern.starts_with('/') &&
               pattern.find('/', 1) != std::string_view::npos) {
      intake_.reject(rule, Reason::kUnsupportedPattern);
    } else if (pattern.find_first_of(" \t") != std::string_view::npos && !allow) {
      read_hosts_line(intake_, rule);
    } else if (allow || pattern.find_first_of("|^$=~,;@") != std::string_view::npos) {
      intake_.reject(rule, Reason::kUnsupportedRule);
    } else {
      intake_.field(rule, kNameForms, intake_.scope_or(Scope::kExact));
    }
  }

  // "||host^" and "||host^$modifiers".
  void read_host_rule(std::string_view rule, std::string_view body, bool allow) {
    const size_t caret = body.find('^');
    const std::string_view host = body.substr(0, std::min(caret, body.find('$')));
    if (host.find('/') != std::string_view::npos) {
      intake_.reject(rule, Reason::kUrlPathRule);
      return;
    }
    if (caret == std::string_view::npos || host.size() != caret) {
      intake_.reject(rule, Reason::kMissingSeparator);
      return;
    }
    const std::string_view rest = body.substr(caret + 1);
    if (!rest.empty() && rest[0] != '$') {
      intake_.reject(rule, rest[0] == '/' ? Reason::kUrlPathRule : Reason::kUnsupportedRule);
      return;
    }
    if (!rest.empty() && !are_harmless(rest.substr(1))) {
      intake_.reject(rule, Reason::kUnsupportedModifier);
      return;
    }
    Indicator indicator;
    indicator.allow = allow;
    indicator.scope = intake_.scope_or(Scope::kSuffix);
    intake_.field(host, kNameForms, indicator);
  }
};

}  // namespace

std::unique_ptr<Stage> make_adblock(Intake& intake) {
  return std::make_unique<Adblock>(intake);
}

}  // namespace cenote
