// maltrail's static trails: name, name:port, address, address:port, block, and host/path, in one file.
#include "ioc/formats/formats.h"

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
    if (const size_t scheme = trail.find("://"); scheme != std::string_view::npos) {
      trail.remove_prefix(scheme + 3);
    }
    const size_t slash = trail.find('/');
    if (slash != std::string_view::npos && !looks_like_address(trail)) {
      intake_.reject(whole, Reason::kUrlPath);
      return;
    }
    Indicator indicator;
    indicator.scope = intake_.scope_or(Scope::kSuffix);
    if (looks_like_address(trail)) {
      read_address(whole, trail, indicator);
      return;
    }
    // A port says nothing to a resolver.
    if (const size_t colon = trail.find(':'); colon != std::string_view::npos) {
      trail = trail.substr(0, colon);
    }
    constexpr Forms kForms{.address = true, .stars = true};
    intake_.field(trail, kForms, indicator);
  }

 private:
  void read_address(std::string_view whole, std::string_view trail, Indicator& indicator) {
    const size_t slash = trail.find('/');
    const bool has_path = slash != std::string_view::npos &&
                          trail.find_first_not_of("0123456789", slash + 1) != std::string_view::npos;
    if (has_path) {
      intake_.reject(whole, Reason::kUrlPath);
    } else {
      intake_.address(trail, indicator);
    }
  }
};

}  // namespace

std::unique_ptr<Stage> make_maltrail(Intake& intake) {
  return std::make_unique<Maltrail>(intake);
}

}  // namespace cenote
