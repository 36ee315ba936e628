// dnscrypt-proxy's blocked-names and blocked-ips files. A bare name means everything below it too, "=x" only
// x.
#include "ioc/formats/formats.h"

namespace cenote {
namespace {

class Dnscrypt : public LineFormat {
 public:
  using LineFormat::LineFormat;

 protected:
  void read_line(std::string_view line) override {
    if (is_comment(line, "#")) {
      return;
    }
    std::string_view rest = trim_blanks(without_comment(line));
    if (rest.find(" @") != std::string_view::npos || rest.find("\t@") != std::string_view::npos) {
      intake_.reject(line, Reason::kUnsupportedModifier);  // "name @schedule" blocks at some hours only
    } else if (rest.starts_with('=')) {
      intake_.field(rest.substr(1), kNamesOnly, Scope::kExact);
    } else {
      intake_.field(rest, kNameForms, intake_.scope_or(Scope::kSuffix));
    }
  }
};

}  // namespace

std::unique_ptr<Stage> make_dnscrypt(Intake& intake) {
  return std::make_unique<Dnscrypt>(intake);
}

}  // namespace cenote
