// hosts(5) files: "address name [name...] [# comment]".
#include "ioc/formats/formats.h"

namespace cenote {
namespace {

// Where a block list sends its victims. Any other address is a redirect: as a block it would hide a pharming
// attempt.
bool is_sink(const IpAddress& address) noexcept {
  static const IpAddress kAny6 = *IpAddress::from_text("::");
  return address == IpAddress() || address == kAny6 || is_loopback(address);
}

class Hosts : public LineFormat {
 public:
  using LineFormat::LineFormat;

 protected:
  void read_line(std::string_view line) override {
    if (!is_comment(line, "#")) {
      read_hosts_line(intake_, without_comment(line));
    }
  }
};

}  // namespace

void read_hosts_line(Intake& intake, std::string_view line) {
  std::string_view rest = line;
  const std::string_view word = next_word(rest);
  // An interface may stand behind "%" ("fe80::1%lo0 localhost"): boilerplate of real systems.
  const auto address = IpAddress::from_text(word.substr(0, word.find('%')));
  std::string_view name = next_word(rest);
  if (!address || name.empty()) {
    intake.reject(line, address ? Reason::kEmpty : Reason::kUnsupportedRule);
    return;
  }
  if (!is_sink(*address)) {
    intake.reject(line, Reason::kHostsRedirect);
    return;
  }
  const Scope scope = intake.scope_or(Scope::kExact);
  for (; !name.empty(); name = next_word(rest)) {
    intake.field(name, kNamesOnly, scope);
  }
}

std::unique_ptr<Stage> make_hosts(Intake& intake) {
  return std::make_unique<Hosts>(intake);
}

}  // namespace cenote
