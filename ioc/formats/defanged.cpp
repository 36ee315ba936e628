// Reports and other free text: only what somebody made harmless on purpose is an indicator. A link that still
// works is a reference, a name whose TLD does not exist is a file.
#include <algorithm>

#include "ioc/byte_set.h"
#include "ioc/formats/formats.h"

namespace cenote {
namespace {

constexpr ByteSet kBetweenTokens(" \t\"'`<>|,;");
constexpr ByteSet kHostEnds("/?#");

bool is_token_edge(char c) noexcept {  // what may stand in front of a host or an IPv6 address
  const auto byte = static_cast<uint8_t>(c);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         byte >= 0x80;
}

class Defanged : public LineFormat {
 public:
  using LineFormat::LineFormat;

 protected:
  void read_line(std::string_view line) override {
    while (true) {
      while (!line.empty() && kBetweenTokens.has(line.front())) {
        line.remove_prefix(1);
      }
      if (line.empty()) {
        return;
      }
      const size_t end = std::min(kBetweenTokens.find_in(line), line.size());
      read_token(trim_blanks(line.substr(0, end)));
      line.remove_prefix(end);
    }
  }

 private:
  void read_token(std::string_view token) {
    // Punctuation of the text around it ("(name[.]example)", "++hxxp://...++"), but not the marks themselves.
    while (!token.empty() && !is_token_edge(token.front()) && !refang(token.substr(0, 5), plain_)) {
      token.remove_prefix(1);
    }
    if (!refang(token, plain_)) {
      return;
    }
    std::string_view text = plain_;
    text.remove_prefix(
        static_cast<size_t>(std::find_if(text.begin(), text.end(), is_token_edge) - text.begin()));
    const size_t scheme = text.find("://");
    if (scheme == std::string_view::npos && text.find('@') != std::string_view::npos) {
      intake_.reject(token, Reason::kNotNetwork);  // an e-mail address
      return;
    }
    Indicator indicator;
    indicator.scope = intake_.scope_or(Scope::kExact);
    indicator.from_url = scheme != std::string_view::npos;
    std::string_view host = text.substr(scheme == std::string_view::npos ? 0 : scheme + 3);
    host = host.substr(0, kHostEnds.find_in(host));
    host = host.substr(0, std::count(host.begin(), host.end(), ':') == 1 ? host.find(':') : host.size());
    while (!host.empty() && !is_token_edge(host.back())) {
      host.remove_suffix(1);
    }
    constexpr Forms kForms{.address = true, .known_tld = true};
    intake_.field(host, kForms, indicator);
  }

  std::string plain_;
};

}  // namespace

std::unique_ptr<Stage> make_defanged(Intake& intake) {
  return std::make_unique<Defanged>(intake);
}

}  // namespace cenote
