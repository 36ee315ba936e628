// maltrail's static trails: name, name:port, address, address:port, block, and host/path, in one file.
#include "ioc/formats/formats.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

class Maltrail : public LineFormat {
 public:
  using LineFormat::LineFormat;

 protected:
  void read_line(std::string_view line) override {
    if (is_comment(line, "#")) {
      return;
    }
    std::string_view trail = trim_blanks(without_comment(line));
    const std::string_view whole = trail;
    for (const std::string_view scheme :
         {"http://", "https://"}) {  // "http://" and a host is how some mark a web trail
      trail.remove_prefix(trail.starts_with(scheme) ? scheme.size() : 0);
    }
    const size_t slash = trail.find('/');
    if (slash != std::string_view::npos && !is_block(trail, slash)) {
      intake_.reject(whole, Reason::kUrlPath);
      return;
    }
    // A port says nothing to a resolver, so it may be any, or two. IPv6 has its first colon before any dot.
    if (const size_t colon = trail.find(':'); slash == std::string_view::npos && trail.find('.') < colon) {
      trail = trail.substr(0, colon);
    }
    intake_.field(trail, kNameForms, intake_.scope_or(Scope::kSuffix));
  }

 private:
  static bool is_block(std::string_view trail, size_t slash) noexcept {
    return looks_like_address(trail) && parse_number(trail.substr(slash + 1), 999).has_value();
  }
};

}  // namespace

std::unique_ptr<Stage> make_maltrail(Intake& intake) {
  return std::make_unique<Maltrail>(intake);
}

}  // namespace cenote
