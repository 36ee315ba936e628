// Lists of addresses and blocks; a remark may follow behind "#" or ";" (Spamhaus DROP).
#include "ioc/formats/formats.h"

namespace cenote {
namespace {

class Ip : public LineFormat {
 public:
  using LineFormat::LineFormat;

 protected:
  void read_line(std::string_view line) override {
    if (!is_comment(line, "#;")) {
      Indicator indicator;
      intake_.address(trim_blanks(line.substr(0, line.find_first_of("#;"))), indicator);
    }
  }
};

}  // namespace

std::unique_ptr<Stage> make_ip(Intake& intake) {
  return std::make_unique<Ip>(intake);
}

}  // namespace cenote
