// dnsmasq configuration: only the statements that block a name are read, nothing is ever executed or
// included.
#include <array>

#include "ioc/formats/formats.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

bool reads_files(std::string_view key) noexcept {
  return key == "conf-file" || key == "conf-dir" || key == "addn-hosts" || key == "servers-file" ||
         key == "conf-script" || key == "dhcp-script";
}

class Dnsmasq : public LineFormat {
 public:
  explicit Dnsmasq(Intake& intake) : LineFormat(intake), scope_(intake.scope_or(Scope::kSuffix)) {}

 protected:
  void read_line(std::string_view line) override {
    if (is_comment(line, "#")) {
      return;
    }
    std::string_view rest = trim_blanks(line);
    // "#" is a value here (every name), so only one behind a blank begins a comment.
    if (const size_t remark = rest.find(" #"); remark != std::string_view::npos) {
      rest = trim_blanks(rest.substr(0, remark));
    }
    const size_t equals = rest.find('=');
    const std::string_view key = trim_blanks(rest.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? "" : trim_blanks(rest.substr(equals + 1));
    if (reads_files(key)) {
      intake_.reject(line, Reason::kIncludeRefused);
    } else if ((key == "address" || key == "server" || key == "local") && value.starts_with('/')) {
      read_names(line, value.substr(1), key == "address");
    } else {
      intake_.reject(line, Reason::kUnsupportedRule);
    }
  }

 private:
  // "a/b/address". For server and local an address means: ask there, which is no block.
  void read_names(std::string_view line, std::string_view value, bool address) {
    const size_t last = value.rfind('/');
    if (last == std::string_view::npos) {
      intake_.reject(line, Reason::kUnsupportedRule);
      return;
    }
    const std::string_view answer = value.substr(last + 1);
    if (!answer.empty() && !(address && (answer == "#" || IpAddress::from_text(answer)))) {
      intake_.reject(line, Reason::kUnsupportedRule);
      return;
    }
    for (const std::string_view name : split(value.substr(0, last), '/')) {
      if (name == "#") {  // every name there is
        intake_.reject(line, Reason::kRoot);
      } else {
        intake_.field(name, kNameForms, scope_);
      }
    }
  }

  Scope scope_;
};

}  // namespace

std::unique_ptr<Stage> make_dnsmasq(Intake& intake) {
  return std::make_unique<Dnsmasq>(intake);
}

}  // namespace cenote
