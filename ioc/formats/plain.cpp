// Lists of one item a line: names, and what real lists mix in.
#include "ioc/formats/formats.h"

namespace cenote {
namespace {

class ItemLines : public LineFormat {
 public:
  ItemLines(Intake& intake, const Forms& forms, Scope scope)
      : LineFormat(intake), forms_(forms), scope_(intake.scope_or(scope)) {}

 protected:
  void read_line(std::string_view line) override {
    if (!is_comment(line, "#")) {
      // In a list of URLs "#" is a fragment, wherever it stands.
      intake_.field(trim_blanks(forms_.query ? line : without_comment(line)), forms_, scope_);
    }
  }

 private:
  Forms forms_;
  Scope scope_;
};

}  // namespace

std::unique_ptr<Stage> make_plain(Intake& intake) {
  constexpr Forms kForms{.address = true, .url = true, .bare_url = true, .stars = true};
  return std::make_unique<ItemLines>(intake, kForms, Scope::kExact);
}

// The same names, meant with everything below them: such lists seldom hold a "*".
std::unique_ptr<Stage> make_wildcard(Intake& intake) {
  return std::make_unique<ItemLines>(intake, kListForms, Scope::kSuffix);
}

std::unique_ptr<Stage> make_url(Intake& intake) {
  constexpr Forms kForms{.address = true, .url = true, .bare_url = true, .query = true};
  return std::make_unique<ItemLines>(intake, kForms, Scope::kExact);
}

}  // namespace cenote
