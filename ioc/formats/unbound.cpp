// unbound configuration: local-zone and local-data are read, nothing is ever executed or included.
#include <array>

#include "ioc/formats/formats.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

bool blocks(std::string_view zone_type) noexcept {
  constexpr std::array<std::string_view, 5> kTypes{"static", "deny", "refuse", "redirect", "inform_deny"};
  return zone_type.starts_with("always_") ? zone_type != "always_transparent" : is_one_of(zone_type, kTypes);
}

// One value, with or without quotes, taken off the front.
std::string_view next_value(std::string_view& rest) noexcept {
  rest = trim_blanks(rest);
  const char quote = rest.empty() ? '\0' : rest[0];
  const size_t end = quote == '"' || quote == '\'' ? rest.find(quote, 1) : std::string_view::npos;
  if (end == std::string_view::npos) {
    return next_word(rest);
  }
  const std::string_view value = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  return value;
}

class Unbound : public LineFormat {
 public:
  explicit Unbound(Intake& intake) : LineFormat(intake) {}

 protected:
  void read_line(std::string_view line) override {
    if (is_comment(line, "#")) {
      return;
    }
    std::string_view rest = line;
    const std::string_view key = next_word(rest);
    if (key == "local-zone:") {
      read_zone(line, rest);
    } else if (key == "local-data:") {
      read_data(line, next_value(rest));
    } else if (key == "include:" || key == "include-toplevel:") {
      intake_.reject(line, Reason::kIncludeRefused);
    } else if (!(key.ends_with(':') && is_comment(rest, "#"))) {  // "server:" alone opens a section
      intake_.reject(line, Reason::kUnsupportedRule);
    }
  }

 private:
  void read_zone(std::string_view line, std::string_view rest) {
    const std::string_view name = next_value(rest);
    const std::string_view type = next_value(rest);
    if (name.empty() || !blocks(type)) {
      intake_.reject(line, Reason::kUnsupportedRule);
      return;
    }
    last_zone_ = name;
    intake_.field(name, kNameForms, intake_.scope_or(Scope::kSuffix));
  }

  // The answer that belongs to the zone before it says nothing new; alone it stands for one name.
  void read_data(std::string_view line, std::string_view record) {
    const std::string_view name = next_word(record);
    if (name.empty()) {
      intake_.reject(line, Reason::kUnsupportedRule);
    } else if (name.substr(0, name.size() - (name.ends_with('.') ? 1 : 0)) != last_zone_) {
      intake_.field(name, kNameForms, intake_.scope_or(Scope::kExact));
    }
  }

  std::string last_zone_;
};

}  // namespace

std::unique_ptr<Stage> make_unbound(Intake& intake) {
  return std::make_unique<Unbound>(intake);
}

}  // namespace cenote
